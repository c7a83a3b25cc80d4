"""PyTorch. Settings, joined by `+`: eager, or some of channels-last, compiled, frozen (constants folded), autocast and bf16 (weights)."""
import contextlib

import torch
from torch.nn.functional import cross_entropy

import networks
import protocol


def prepare(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    setting = options.setting.split("+")
    dtype = torch.bfloat16 if "bf16" in setting else torch.float32
    layout = torch.channels_last if "channels-last" in setting else torch.contiguous_format
    images = (torch.rand(options.batch, *options.input) * 2 - 1).to(dtype).contiguous(memory_format=layout)
    labels = torch.arange(options.batch) % options.classes
    if "compiled" in setting:
        from torch._inductor import config

        config.freezing = "frozen" in setting
    # A small step first: what libraries set up for themselves is not the network's.
    small = torch.nn.Sequential(torch.nn.Conv2d(options.input[0], 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(options.classes))
    cross_entropy(small(images[:, :, :8, :8].float()), labels).backward()

    def cast():
        return torch.autocast("cpu", torch.bfloat16) if "autocast" in setting else contextlib.nullcontext()

    def build():
        model = networks.build(options.network, options.classes).to(dtype).to(memory_format=layout).train(options.train)
        return (training if options.train else inference)(model), networks.parameters(model)

    def inference(model):
        forward = torch.compile(model) if "compiled" in setting else model

        def step():
            # Inductor folds constants under `no_grad` only.
            with torch.no_grad(), cast():
                forward(images)

        return step

    def training(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-9, momentum=0.9, fused=True)

        def loss(images, labels):
            with cast():
                return cross_entropy(model(images), labels)

        forward = torch.compile(loss) if "compiled" in setting else loss

        def step():
            optimizer.zero_grad(set_to_none=True)
            forward(images, labels).backward()
            optimizer.step()

        return step

    return build


if __name__ == "__main__":
    protocol.serve(prepare)
