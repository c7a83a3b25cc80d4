#!/usr/bin/env python3
"""Writes tests/fixtures/names/NAME.txt: every tensor of a network in the order of PyTorch's state_dict.

usage: names.py REFERENCE [NAME …]

REFERENCE holds parity/NAME.json, whose "state_dict" lists [name, shape]. A line of the fixture is `name 64x3x7x7`;
a scalar's shape is `-`.
"""
import json
import pathlib
import sys

NAMES = """lenet5 alexnet vgg11 vgg16 googlenet googlenet_aux
googlenet_v1_paper googlenet_d2l bn_inception inception_v3 inception_v4 bit_r50x1 resnet18 resnet50 resnet101 resnet152
resnet20_cifar resnet32_cifar resnet56_cifar resnet110_cifar resnet1001_cifar_full_preact
highway_cnn resnet110_cifar_full_preact resnet164_cifar_original wrn_16_4 resnext50_32x4d
densenet121 densenet161 densenet201 densenet_bc_100_k12 shiftnet_a mnasnet_b1 mnasnet_b1_timm mobilenet_v3_small
efficientnet_b0 tf_efficientnet_b0 regnet_x_400mf regnet_y_400mf hrnet_w18""".split()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    reference = pathlib.Path(sys.argv[1]) / "parity"
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "names"
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or NAMES:
        tensors = json.loads((reference / f"{name}.json").read_text())["state_dict"]
        lines = [f"{tensor} {'x'.join(map(str, shape)) or '-'}\n" for tensor, shape in tensors]
        (out / f"{name}.txt").write_text("".join(lines))
        print(f"{name}: {len(lines)} tensors")


if __name__ == "__main__":
    main()
