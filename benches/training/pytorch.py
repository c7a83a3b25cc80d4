#!/usr/bin/env python3
"""Trains a network of benches/vs_peers/peers/networks.py with PyTorch on a folder of images, as `cnn train` does with the same recipe.

SGD with momentum 0.9 and weight decay of every tensor, a rate that rises for half an epoch and falls by half a cosine, random crops of
images padded by four black pixels, flips, normalisation by the training images' mean and deviation, PyTorch's first weights. Images are
decoded once, before the clock starts, and augmented a batch at a time: what a user who minds the time would write.

Prints a JSON object a line: the seconds that the compiler took; then of each epoch the loss, the accuracies, and the seconds of its steps
and of its evaluation.
"""
import argparse
import concurrent.futures
import copy
import json
import math
import pathlib
import sys
import time

import numpy
import torch
import torchvision
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vs_peers" / "peers"))
import networks  # noqa: E402

PAD = 4


def load(folder):
    """Images [N, C, H, W] of bytes, and their classes."""
    files = torchvision.datasets.ImageFolder(folder).samples
    read = lambda path: torchvision.io.decode_image(path, torchvision.io.ImageReadMode.RGB)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        images = torch.stack(list(pool.map(read, (path for path, _ in files))))
    return images, torch.tensor([label for _, label in files])


def augmented(images, generator):
    """Each at its own place of the padded image, half of them mirrored."""
    n, channels, height, width = images.shape
    padded = torch.nn.functional.pad(images, (PAD, PAD, PAD, PAD))
    rows = torch.randint(0, 2 * PAD + 1, (n, 1), generator=generator) + torch.arange(height)
    columns = torch.randint(0, 2 * PAD + 1, (n, 1), generator=generator) + torch.arange(width)
    columns = torch.where(torch.rand(n, 1, generator=generator) < 0.5, columns.flip(1), columns)
    index = torch.arange(n)[:, None, None, None], torch.arange(channels)[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]
    return padded[index]


def rate(options, step, steps_an_epoch):
    """Share of the highest rate: up for half an epoch, then down to nothing."""
    rise, total = 0.5 * steps_an_epoch, options.epochs * steps_an_epoch
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / (total - rise))) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--network", default="resnet20_cifar")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--setting", default="compiled", help="joined by +: eager, channels-last, compiled")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    images, labels = load(options.data / "train")
    test_images, test_labels = load(options.data / "test")
    classes = int(labels.max()) + 1
    as_numbers = images.numpy().astype(numpy.float64) / 255
    mean = torch.tensor(as_numbers.mean((0, 2, 3)), dtype=torch.float32)[:, None, None] * 255
    deviation = torch.tensor(as_numbers.std((0, 2, 3)), dtype=torch.float32)[:, None, None] * 255
    del as_numbers
    layout = torch.channels_last if "channels-last" in options.setting else torch.contiguous_format
    prepare = lambda images: ((images.float() - mean) / deviation).contiguous(memory_format=layout)

    model = networks.build(options.network, classes).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), options.lr, momentum=0.9, weight_decay=options.weight_decay, fused=True)
    compiled = (lambda function: torch.compile(function, dynamic=False)) if "compiled" in options.setting else lambda function: function

    def forward(images, labels):
        logits = model(images)
        return cross_entropy(logits, labels), (logits.detach().argmax(1) == labels).sum()

    def evaluate():
        model.eval()
        loss = correct = 0.0
        with torch.no_grad():
            for some, classes_of in zip(test_images.split(options.batch), test_labels.split(options.batch)):
                part, right = judge(prepare(some), classes_of)
                loss, correct = loss + part.item() * len(some), correct + right.item()
        return loss / len(test_images), correct / len(test_images)

    learn, judge = compiled(forward), compiled(forward)
    # What the compiler takes is not the training's: every size of a batch is seen once before, and forgotten.
    began, state = time.monotonic(), copy.deepcopy(model.state_dict())
    for size in {min(options.batch, len(images)), len(images) % options.batch or options.batch}:
        learn(prepare(images[:size]), labels[:size])[0].backward()
    evaluate()
    model.load_state_dict(state)
    print(json.dumps({"compile_seconds": time.monotonic() - began}), flush=True)
    steps_an_epoch, step = math.ceil(len(images) / options.batch), 0
    for epoch in range(options.epochs):
        began = time.monotonic()
        model.train()
        loss_sum = correct = 0.0
        for chosen in torch.randperm(len(images), generator=generator).split(options.batch):
            for group in optimizer.param_groups:
                group["lr"] = options.lr * rate(options, step, steps_an_epoch)
            optimizer.zero_grad(set_to_none=True)
            loss, right = learn(prepare(augmented(images[chosen], generator)), labels[chosen])
            loss.backward()
            optimizer.step()
            loss_sum, correct, step = loss_sum + loss.item() * len(chosen), correct + right.item(), step + 1
        trained = time.monotonic()
        test_loss, test_accuracy = evaluate()
        line = {
            "epoch": epoch + 1,
            "loss": loss_sum / len(images),
            "accuracy": correct / len(images),
            "eval_loss": test_loss,
            "eval_accuracy": test_accuracy,
            "train_seconds": trained - began,
            "eval_seconds": time.monotonic() - trained,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
