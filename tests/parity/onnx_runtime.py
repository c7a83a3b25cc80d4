#!/usr/bin/env python3
"""Exports networks as ONNX files and compares ONNX Runtime's outputs with those of `cnn predict`.

usage: onnx_runtime.py CNN [--brief] [NET …]

CNN is the program, `target/release/cnn`; NET a network of the zoo or a DSL file, otherwise networks of many families and
every_form.cnn. Each is exported four times: with an open batch, batch normalisation folded and kept, then with its weights
beside the model, then for a batch of 3. onnx.checker checks the files and compares the sizes that it infers with those that
they state. Batches of 1 and 3 run, with auxiliary outputs. Weights and inputs follow the weight rule of tests/common/rule.rs.
The largest difference of an output, as a share of its largest number, is at most 1e-4. --brief prints only what exceeds
that, and a sum.

Needs onnx, onnxruntime, safetensors, numpy, torch.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

import rule

NETWORKS = """lenet5 lenet5_1998 alexnet alexnet_paper vgg11 vgg16_bn nin_d2l googlenet_aux bn_inception inception_v3
inception_resnet_v2 resnet18 resnet50 resnet110_cifar_full_preact resnext50_32x4d densenet121 mobilenet_v3_small
mnasnet_b1 efficientnet_b0 tf_efficientnet_b0 regnet_y_400mf shiftnet_a bit_r50x1 hrnet_w18 convnext_tiny nasnet_a_large
highway_cnn""".split()
FORMS = pathlib.Path(__file__).parent / "every_form.cnn"
ALLOWED = 1e-4


def cnn(program, *args):
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cnn {' '.join(map(str, args))}: {done.stderr.strip()}")
    return done.stdout


def weights(shown):
    """Of what `cnn show --json` says of a network."""
    tensors = {}
    for tensor in (tensor for layer in shown["layers"] for tensor in layer["tensors"]):
        name, shape = tensor["name"], tensor["shape"]
        if name.endswith("num_batches_tracked"):
            tensors[name] = numpy.zeros([], numpy.int64)
        else:
            tensors[name] = rule.tensor(name, shape).numpy().astype(numpy.float32)
    return tensors


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, x, names):
    outputs = session(path).run(names, {"input": x})
    return dict(zip(names, outputs))


def off(found, expected):
    """By how much any output differs, as a share of its largest number."""
    assert found.keys() == expected.keys(), (found.keys(), expected.keys())
    worst = 0.0
    for name, value in expected.items():
        assert found[name].shape == value.shape, (name, found[name].shape, value.shape)
        assert numpy.isfinite(value).all(), name
        error = numpy.abs(found[name] - value).max() / max(numpy.abs(value).max(), 1e-30)
        worst = max(worst, float(error) if numpy.isfinite(error) else numpy.inf)
    return worst


def check(path):
    """Sizes are inferred, too, and compared with those in the file."""
    onnx.checker.check_model(str(path), full_check=True)


def compare(program, net, folder):
    """Sizes and errors of a network."""
    shown = json.loads(cnn(program, "show", net, "--json"))
    w, x, y = (folder / f"{name}.safetensors" for name in "wxy")
    save_file(weights(shown), w)
    images = rule.tensor("input", [3, *shown["input"]]).numpy().astype(numpy.float32)
    save_file({"input": images}, x)
    cnn(program, "predict", net, "--weights", w, "--input", x, "--output", y, "--auxiliary")
    expected = load_file(y)
    names = list(expected)
    logits = {"logits": expected["logits"]}
    first = {name: value[:1] for name, value in expected.items()}

    def export(name, *options):
        path = folder / f"{name}.onnx"
        told = json.loads(cnn(program, "export", net, "--weights", w, "--onnx", path, "--json", *options))
        check(path)
        return path, told

    errors = {}
    path, told = export("folded", "--auxiliary")
    errors["folded"] = off(run(path, images, names), expected)
    errors["batch 1"] = off(run(path, images[:1], names), first)
    kept, told_kept = export("kept", "--auxiliary", "--keep-batch-norm")
    errors["kept"] = off(run(kept, images, names), expected)
    beside, _ = export("beside", "--external-data")
    errors["data beside"] = off(run(beside, images, ["logits"]), logits)
    fixed, _ = export("fixed", "--batch", "3")
    errors["fixed"] = off(run(fixed, images, ["logits"]), logits)
    return [told["nodes"], told_kept["nodes"], told["bytes"] / 1e6], errors, float(numpy.abs(expected["logits"]).max())


def main():
    args = [arg for arg in sys.argv[1:] if arg != "--brief"]
    if not args:
        sys.exit(__doc__)
    program, nets, brief = args[0], args[1:] or [*NETWORKS, str(FORMS)], "--brief" in sys.argv
    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")
    heads = ["nodes", "kept", "MB", "max|logit|", "folded", "batch 1", "kept", "data beside", "fixed"]
    print(f"{'network':28}" + "".join(f"{head:>12}" for head in heads), flush=True)
    worst, failed = 0.0, []
    for net in nets:
        with tempfile.TemporaryDirectory() as folder:
            try:
                (nodes, kept, size), errors, largest = compare(program, net, pathlib.Path(folder))
            except Exception as error:
                failed.append(net)
                print(f"{pathlib.Path(net).name:28} {type(error).__name__}: {error}", flush=True)
                continue
        worst = max(worst, *errors.values())
        bad = max(errors.values()) > ALLOWED
        if bad:
            failed.append(net)
        if bad or not brief:
            row = f"{pathlib.Path(net).name:28}{nodes:12}{kept:12}{size:12.1f}{largest:12.3g}"
            print(row + "".join(f"{error:12.1e}" for error in errors.values()), flush=True)
    print(f"{len(nets)} networks, off by at most {worst:.1e}, {ALLOWED:.0e} allowed")
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
