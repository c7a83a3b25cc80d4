#!/usr/bin/env python3
"""Writes tests/fixtures/state_dicts.txt: what the state_dict of every network of torchvision and timm in the zoo holds.

usage: state_dicts.py [FOLDER]        (needs torch, torchvision and timm)

A line is `name tensors digest`; the digest is FNV-1a, 64 bits, of the sorted lines `tensor 64x3x7x7` (`-` for the shape of a
scalar), each with its newline. With FOLDER, these lines go to FOLDER/NAME.txt. Networks are built without memory.
"""
import pathlib
import sys

import timm
import torch
import torchvision

TV = torchvision.models
INCEPTION = {"weights": None, "transform_input": False, "init_weights": False}
PLAIN = """alexnet vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn resnet18 resnet34 resnet50 resnet101 resnet152
wide_resnet50_2 wide_resnet101_2 resnext50_32x4d resnext101_32x8d resnext101_64x4d densenet121 densenet161 densenet169 densenet201
mobilenet_v3_large mobilenet_v3_small efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4
efficientnet_b5 efficientnet_b6 efficientnet_b7 regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf
regnet_x_16gf regnet_x_32gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf regnet_y_8gf regnet_y_16gf
regnet_y_32gf regnet_y_128gf convnext_tiny""".split()
NETWORKS = {name: getattr(TV, name) for name in PLAIN} | {
    "googlenet": lambda: TV.googlenet(aux_logits=False, **INCEPTION),
    "googlenet_aux": lambda: TV.googlenet(aux_logits=True, **INCEPTION),
    "inception_v3": lambda: TV.inception_v3(aux_logits=False, **INCEPTION),
    "inception_v3_aux": lambda: TV.inception_v3(aux_logits=True, **INCEPTION),
    "densenet264": lambda: TV.DenseNet(32, (6, 12, 64, 48), 64),
    "densenet_k16": lambda: TV.DenseNet(16, (6, 12, 24, 16), 16, num_classes=30),
    "mnasnet_b1": TV.mnasnet1_0,
}
TIMM = {
    "mnasnet_a1": "semnasnet_100",
    "mnasnet_b1_timm": "mnasnet_100",
    "tf_efficientnet_b0": "tf_efficientnet_b0",
    "efficientnet_l2": "tf_efficientnet_l2",
    "inception_v4": "inception_v4",
    "inception_resnet_v2": "inception_resnet_v2",
    "hrnet_w18": "hrnet_w18",
    "nasnet_a_large": "nasnetalarge",
    "bit_r50x1": "resnetv2_50x1_bit",
    "bit_r101x1": "resnetv2_101x1_bit",
    "bit_r50x3": "resnetv2_50x3_bit",
    "bit_r101x3": "resnetv2_101x3_bit",
    "bit_r152x2": "resnetv2_152x2_bit",
    "bit_r152x4": "resnetv2_152x4_bit",
}
NETWORKS |= {name: (lambda known=known: timm.create_model(known, num_classes=1000)) for name, known in TIMM.items()}


# RegNet computes its widths as tensors, which need memory.
from_init_params = TV.regnet.BlockParams.from_init_params.__func__


def with_memory(cls, *arguments, **named):
    with torch.device("cpu"):
        return from_init_params(cls, *arguments, **named)


TV.regnet.BlockParams.from_init_params = classmethod(with_memory)


def digest(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def main():
    written = []
    for name in sorted(NETWORKS):
        with torch.device("meta"):
            state = NETWORKS[name]().state_dict()
        lines = sorted(f"{tensor} {'x'.join(map(str, value.shape)) or '-'}\n" for tensor, value in state.items())
        written.append(f"{name} {len(lines)} {digest(''.join(lines)):016x}\n")
        print(written[-1], end="", flush=True)
        if len(sys.argv) > 1:
            pathlib.Path(sys.argv[1], f"{name}.txt").write_text("".join(lines))
    (pathlib.Path(__file__).parent.parent / "fixtures" / "state_dicts.txt").write_text("".join(written))


if __name__ == "__main__":
    main()
