#!/usr/bin/env python3
"""Peak memory of training steps on the CPU: this engine against PyTorch.

usage: memory.py [--batch 8] [--steps 3] [NETWORK …]

Needs torch and torchvision; builds the Rust program itself. Each measurement is a process of its own that notes its resident
memory before the network exists, resets the kernel's peak (/proc/self/clear_refs), builds network and SGD with momentum,
makes the steps, and prints by how much the peak (VmHWM) is above the note. Images, libraries and interpreter count for
neither side. Linux only.
"""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NETWORKS = ["resnet18", "densenet121", "vgg11", "mobilenet_v3_small", "efficientnet_b0"]
MEBIBYTE = 2**20


def status(what):
    for line in open("/proc/self/status"):
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024


def torch_steps(name, batch, steps):
    """In a process of its own: growth at the end, growth at the peak."""
    import torch
    import torchvision

    torch.manual_seed(1)
    images = torch.rand(batch, 3, 224, 224) * 2 - 1
    labels = torch.arange(batch)
    # A small step first: what libraries set up for themselves is not the network's.
    small = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.LazyLinear(10))
    torch.nn.functional.cross_entropy(small(images[:, :, :8, :8]), labels).backward()
    del small

    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    model = getattr(torchvision.models, name)()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss)
    print(json.dumps([status("VmRSS") - before, status("VmHWM") - before]))


def run(command):
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return finished.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--torch", metavar="NETWORK", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        return torch_steps(options.torch, options.batch, options.steps)
    run(["cargo", "build", "--quiet", "--release", "-p", "cnn-runtime", "--example", "memory"])
    numbers = [str(options.batch), str(options.steps)]
    print(f"batch {options.batch}, {options.steps} steps; MiB")
    print("| network | planned | engine, now | engine, peak | PyTorch, now | PyTorch, peak | engine / PyTorch |")
    print("|---|---|---|---|---|---|---|")
    for name in options.networks:
        planned, now, peak = map(int, run(["target/release/examples/memory", name, *numbers]).split())
        flags = ["--batch", numbers[0], "--steps", numbers[1]]
        torch_now, torch_peak = json.loads(run([sys.executable, __file__, "--torch", name, *flags]))
        columns = [f"{bytes / MEBIBYTE:.0f}" for bytes in (planned, now, peak, torch_now, torch_peak)]
        print(f"| {name} | {' | '.join(columns)} | {peak / torch_peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
