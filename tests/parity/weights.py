#!/usr/bin/env python3
"""Weights go both ways between this library and PyTorch: torchvision's networks, and timm's where only timm has them.

usage: weights.py CNN [NAME …]        (needs torch, torchvision, timm and safetensors; CNN is the program `cnn`)

Into cnn: a network of random weights and running statistics, saved as it is by safetensors.torch.save_file, gives PyTorch's logits
in `cnn predict` (and auxiliary ones). Loading is strict, so names and shapes are the same. ResNet-18 also in 16 bits.

Out of cnn: what `cnn train` saves is loaded by load_state_dict and gives the logits of `cnn predict`.

Errors are the largest difference from PyTorch in 64 bits, as a part of the largest logit; beside them what PyTorch's own 32 bits do.
Exits with 1 if one is above 1e-5 and above 20 times PyTorch's own.
"""
import collections
import pathlib
import subprocess
import sys
import tempfile

import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

TV = torchvision.models


def tv(name, **arguments):
    return lambda classes=1000: getattr(TV, name)(num_classes=classes, **arguments)


def plain(name):
    return tv(name, weights=None)


def from_timm(name):
    return lambda classes=1000: timm.create_model(name, num_classes=classes)


INCEPTION = {"weights": None, "transform_input": False, "init_weights": False}
# Name here: constructor, side of the input.
NETWORKS = {
    "alexnet": (plain("alexnet"), 224),
    "vgg11_bn": (plain("vgg11_bn"), 224),
    "googlenet": (tv("googlenet", aux_logits=False, **INCEPTION), 224),
    "googlenet_aux": (tv("googlenet", aux_logits=True, **INCEPTION), 224),
    "inception_v3": (tv("inception_v3", aux_logits=False, **INCEPTION), 299),
    "inception_v3_aux": (tv("inception_v3", aux_logits=True, **INCEPTION), 299),
    "resnet18": (plain("resnet18"), 224),
    "resnet50": (plain("resnet50"), 224),
    "resnext50_32x4d": (plain("resnext50_32x4d"), 224),
    "wide_resnet50_2": (plain("wide_resnet50_2"), 224),
    "densenet121": (plain("densenet121"), 224),
    "mobilenet_v3_small": (plain("mobilenet_v3_small"), 224),
    "mobilenet_v3_large": (plain("mobilenet_v3_large"), 224),
    "mnasnet_b1": (plain("mnasnet1_0"), 224),
    "efficientnet_b0": (plain("efficientnet_b0"), 224),
    "regnet_x_400mf": (plain("regnet_x_400mf"), 224),
    "regnet_y_400mf": (plain("regnet_y_400mf"), 224),
    "convnext_tiny": (plain("convnext_tiny"), 224),
    "mnasnet_a1": (from_timm("semnasnet_100"), 224),
    "mnasnet_b1_timm": (from_timm("mnasnet_100"), 224),
    "tf_efficientnet_b0": (from_timm("tf_efficientnet_b0"), 224),
    "bit_r50x1": (from_timm("resnetv2_50x1_bit"), 224),
    "inception_v4": (from_timm("inception_v4"), 299),
    "inception_resnet_v2": (from_timm("inception_resnet_v2"), 299),
    "hrnet_w18": (from_timm("hrnet_w18"), 224),
    "nasnet_a_large": (from_timm("nasnetalarge"), 331),
}
# Auxiliary outputs: the module that computes them, and the one whose output it reads.
AUXILIARY = {
    "googlenet_aux": {"aux1": "inception4a", "aux2": "inception4d"},
    "inception_v3_aux": {"AuxLogits": "Mixed_6e"},
}
# Trained here for a few steps, and loaded there.
TRAINED = ["resnet18", "googlenet_aux", "densenet121", "mobilenet_v3_small", "mnasnet_b1", "efficientnet_b0",
           "regnet_y_400mf", "convnext_tiny", "tf_efficientnet_b0", "bit_r50x1", "hrnet_w18"]


def randomise(model, seed):
    """Variances are kept through layers with ReLU; no scale, shift or statistic is trivial."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda tensor: torch.randn(tensor.shape, generator=generator)
    uniform = lambda tensor: 0.5 + torch.rand(tensor.shape, generator=generator)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            last = name.rsplit(".", 1)[-1]
            if not tensor.is_floating_point():
                tensor.fill_(int(torch.randint(1, 100000, (), generator=generator)))
            elif last == "weight" and tensor.dim() > 1:
                tensor.copy_(normal(tensor) * (2 / tensor[0].numel()) ** 0.5)
            elif last in ("bias", "running_mean"):
                tensor.copy_(0.1 * normal(tensor))
            else:
                tensor.copy_(uniform(tensor))
    return model.eval()


def outputs(model, name, x):
    """Logits, and auxiliary ones."""
    seen, hooks = {}, []
    auxiliary = AUXILIARY.get(name, {})
    for output, source in auxiliary.items():
        hook = lambda module, inputs, result, output=output: seen.__setitem__(output, result)
        hooks.append(model.get_submodule(source).register_forward_hook(hook))
    with torch.no_grad():
        result = {"logits": model(x)}
        for output in auxiliary:
            result[output] = model.get_submodule(output)(seen[output])
    for hook in hooks:
        hook.remove()
    return result


def load_strictly(model, state):
    """With the metadata that a safetensors file has no place for: torchvision's MNASNet asks for its version there."""
    whole = collections.OrderedDict(state)
    whole._metadata = model.state_dict()._metadata
    model.load_state_dict(whole, strict=True)


def cnn(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cnn {' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def predict(program, folder, net, weights, x, *options):
    save_file({"input": x.contiguous()}, folder / "x.safetensors")
    files = ["--weights", weights, "--input", folder / "x.safetensors", "--output", folder / "y.safetensors"]
    cnn(program, "predict", net, *files, *options)
    return load_file(folder / "y.safetensors")


class Table:
    def __init__(self):
        self.failed = False
        print(f"{'network':<32} {'file':<5} {'tensors':>7} {'max |logit|':>12} {'cnn':>9} {'torch f32':>10}")

    def row(self, name, kind, tensors, found, exact, single):
        error = lambda values, output: float((values[output].double() - exact[output]).abs().max() / exact[output].abs().max())
        for output in exact:
            ours, theirs = error(found, output), error(single, output)
            bad = not ours <= max(1e-5, 20 * theirs)
            self.failed |= bad
            label = name if output == "logits" else f"  {output}"
            print(f"{label:<32} {kind:<5} {tensors:>7} {float(exact[output].abs().max()):>12.4g} {ours:>9.1e} {theirs:>10.1e}"
                  f"{'  too much' if bad else ''}", flush=True)


def into(program, folder, name, table, dtype=torch.float32):
    constructor, side = NETWORKS[name]
    model = randomise(constructor(), seed=len(name))
    state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in model.state_dict().items()}
    save_file(state, folder / "w.safetensors")
    # What the file holds is the network, however much was rounded.
    load_strictly(model, state)
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    single = outputs(model, name, x)
    exact = outputs(model.double(), name, x.double())
    found = predict(program, folder, name, folder / "w.safetensors", x, *(["--auxiliary"] if name in AUXILIARY else []))
    kind = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}[dtype]
    table.row(name, kind, len(state), found, exact, single)


def out_of(program, folder, name, table):
    run = folder / f"run-{name}"
    net = f"{name}(classes=10)"
    options = ["--input", "3x64x64", "--digits", "32:8", "--batch", "8", "--epochs", "1", "--lr", "0.0001"]
    cnn(program, "train", net, *options, "--out", run)
    state = load_file(run / "weights.safetensors")
    model = NETWORKS[name][0](10)
    load_strictly(model, state)
    for key, value in state.items():
        expected = torch.int64 if key.endswith("num_batches_tracked") else torch.float32
        assert value.dtype == expected and value.is_contiguous(), key
        assert not key.endswith("num_batches_tracked") or int(value) == 4, f"{key}: {int(value)} batches"
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    single = outputs(model.eval(), name, x)
    exact = outputs(model.double(), name, x.double())
    found = predict(program, folder, net, run / "weights.safetensors", x, *(["--auxiliary"] if name in AUXILIARY else []))
    table.row(f"{name}, trained here", "f32", len(state), found, exact, single)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = str(pathlib.Path(sys.argv[1]).absolute())
    names = sys.argv[2:] or list(NETWORKS)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in names:
            into(program, folder, name, table)
        if "resnet18" in names:
            for dtype in (torch.float16, torch.bfloat16):
                into(program, folder, "resnet18", table, dtype)
        for name in filter(names.__contains__, TRAINED):
            out_of(program, folder, name, table)
    sys.exit(int(table.failed))


if __name__ == "__main__":
    main()
