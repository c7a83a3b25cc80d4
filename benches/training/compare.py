#!/usr/bin/env python3
"""A training by `cnn train` and by pytorch.py, same recipe, same images, same cores, in turns: accuracy over seeds, and the ratio of times.

DATA is a folder with `train/CLASS/…` and `test/CLASS/…`. A run of ours decodes the images in every epoch, PyTorch's once before the clock
starts. Seeds draw first weights, order and augmentation; they are each program's own.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def run(command):
    """What a program prints, and the seconds it took."""
    command = list(map(str, command))
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` ended with status {done.returncode}")
    return done.stdout, time.monotonic() - began


def objects(text):
    """JSON, an object a line."""
    return [json.loads(line) for line in text.splitlines()]


def ours(options, seed, folder):
    program = ROOT / "target" / "release" / "cnn"
    made = folder / f"ours-{seed}"
    command = [program, "train", options.network, "--data", f"folder:{options.data}", "--recipe", "resnet-cifar", "--schedule", "cosine:0.5:0"]
    command += ["--epochs", options.epochs, "--batch", options.batch, "--lr", 0.1, "--seed", seed, "--out", made]
    _, seconds = run(command)
    epochs = [record for record in objects((made / "metrics.jsonl").read_text()) if record["kind"] == "epoch"]
    images = sum(1 for _ in (options.data / "train").glob("*/*"))
    return epochs[-1]["eval_accuracy"], [images / epoch["images_per_second"] for epoch in epochs], seconds


def pytorch(options, seed, _folder):
    command = [sys.executable, HERE / "pytorch.py", options.data, "--network", options.network, "--setting", options.setting]
    command += ["--epochs", options.epochs, "--batch", options.batch, "--seed", seed, "--threads", options.threads]
    text, seconds = run(command)
    _compiled, *epochs = objects(text)
    return epochs[-1]["eval_accuracy"], [epoch["train_seconds"] for epoch in epochs], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--network", default="resnet20_cifar")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--setting", default="compiled", help="PyTorch's: joined by +: eager, channels-last, compiled")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "cnn"], cwd=ROOT, check=True)

    print(f"{options.network}, {options.epochs} epochs of batches of {options.batch}; {platform.machine()}, {datetime.date.today()}\n")
    print("| seed | ours: accuracy | seconds an epoch | in all | PyTorch: accuracy | seconds an epoch | in all | PyTorch / ours |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    found = {ours: [], pytorch: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn, seed in enumerate(options.seeds):
            row = []
            # Who begins changes, for what slows a machine seldom keeps to turns.
            for one in [ours, pytorch] if turn % 2 == 0 else [pytorch, ours]:
                found[one].append(one(options, seed, pathlib.Path(folder)))
            for one in found:
                accuracy, epochs, seconds = found[one][-1]
                row += [f"{accuracy:.2%}", f"{statistics.median(epochs):.1f}", f"{seconds:.0f}"]
            ratio = statistics.median(found[pytorch][-1][1]) / statistics.median(found[ours][-1][1])
            print("|", seed, "|", " | ".join(row), f"| {ratio:.2f} |", flush=True)
    print()
    for one in found:
        accuracies = [accuracy for accuracy, *_ in found[one]]
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        print(f"{one.__name__}: {statistics.mean(accuracies):.2%} ± {spread:.2%} (standard deviation over seeds)")


if __name__ == "__main__":
    main()
