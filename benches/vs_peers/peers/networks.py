"""Networks of the zoo in PyTorch, by the zoo's names: torchvision's, timm's, and here what neither of them has."""
import inspect
import re

import torch
import torchvision
from torch import nn
from torch.nn import functional

from protocol import Refused

try:
    # Here and not where it is needed: what a library takes is not the network's.
    import timm
except ImportError:
    timm = None


class BasicUnit(nn.Module):
    """He et al. 2015, with a shortcut of skipped pixels and channels of zeros (option A)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, outputs - inputs

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.zeros:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.zeros))
        return functional.relu(x + y)


def resnet_cifar(depth, classes, channels=3):
    """6n + 2 layers. He et al. 2015, table 6."""
    units, inputs = [], 16
    for outputs in (16, 32, 64):
        for index in range((depth - 2) // 6):
            units.append(BasicUnit(inputs, outputs, 2 if index == 0 and outputs != 16 else 1))
            inputs = outputs
    stem = [nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


class DenseLayer(nn.Sequential):
    """Appends `growth` channels, through a bottleneck of four times as many. Huang et al. 2017."""

    def __init__(self, inputs, growth):
        super().__init__(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


def densenet_bc(depth, growth, classes, channels=3):
    """DenseNet-BC for CIFAR: three blocks, half the channels between them. Huang et al. 2017."""
    width = 2 * growth
    layers = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    for block in range(3):
        if block > 0:
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
        for _ in range((depth - 4) // 6):
            layers.append(DenseLayer(width, growth))
            width += growth
    layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers)


def lenet5(classes):
    """LeCun et al. 1998, as courses teach it."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, classes),
    )  # fmt: skip


# The zoo's names of these have no auxiliary classifiers.
PLAIN = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"aux_logits": False, "init_weights": False}}
# What they call the zoo's networks, where they call them otherwise.
TORCHVISION = {"mnasnet_b1": "mnasnet1_0"}
TIMM = {"mnasnet_a1": "semnasnet_100", "mnasnet_b1_timm": "mnasnet_100", "nasnet_a_large": "nasnetalarge", "efficientnet_l2": "tf_efficientnet_l2"}


def build(name, classes):
    """The network of a name of the zoo, with fresh weights."""
    if name == "lenet5":
        return lenet5(classes)
    if match := re.fullmatch(r"resnet(\d+)_cifar", name):
        return resnet_cifar(int(match[1]), classes)
    if match := re.fullmatch(r"densenet_bc_(\d+)_k(\d+)", name):
        return densenet_bc(int(match[1]), int(match[2]), classes)
    constructor = getattr(torchvision.models, TORCHVISION.get(name, name), None)
    if inspect.isfunction(constructor):
        return constructor(weights=None, num_classes=classes, **PLAIN.get(name, {}))
    theirs = TIMM.get(name, re.sub(r"bit_r(\d+x\d+)", r"resnetv2_\1_bit", name))
    if timm and timm.is_model(theirs):
        return timm.create_model(theirs, num_classes=classes)
    raise Refused(f"no {name} in torchvision{' or timm' if timm else ', and timm is not installed'}")


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())
