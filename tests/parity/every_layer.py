#!/usr/bin/env python3
"""Writes tests/fixtures/every_layer.json: the network of tests/common/every_layer.rs trained ten steps by PyTorch, in 64 bits.

usage: every_layer.py        (needs torch and numpy)
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

import rule
from operations import affine, layer_norm, shift, shuffle, standardized

SHAPE, LABELS, LR, MOMENTUM, STEPS = (4, 3, 16, 16), [0, 3, 1, 4], 0.02, 0.9, 10


class EveryLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.b1 = nn.BatchNorm2d(8)
        self.dw = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.g1 = nn.GroupNorm(2, 8)
        self.p1 = nn.Linear(8, 8)
        self.n1 = nn.LayerNorm(8)
        self.a1 = nn.Module()
        self.a1.weight, self.a1.bias = nn.Parameter(torch.full((8,), 0.1)), nn.Parameter(torch.zeros(8))
        self.e1 = nn.Conv2d(8, 4, 1)
        self.e2 = nn.Conv2d(4, 8, 1)
        self.q1 = nn.PReLU(4)
        self.c2 = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.f1 = nn.Linear(192, 16)
        self.f2 = nn.Linear(16, 5)

    def forward(self, x):
        x = F.conv2d(x, standardized(self.c1.weight), padding=1)
        x = F.max_pool2d(F.relu(self.b1(x)), 3, 2, 1)
        x = F.local_response_norm(x, 3, alpha=0.5)
        x = shift(shuffle(F.relu6(self.g1(self.dw(x))), 4), (3, 3))
        y = self.p1(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = F.gelu(layer_norm(y, self.n1.weight, self.n1.bias))
        x = affine(y, self.a1.weight, self.a1.bias) + x
        gate = F.hardsigmoid(self.e2(F.silu(self.e1(F.adaptive_avg_pool2d(x, 1)))))
        x = x * gate * (8 * F.softmax(x.mean((2, 3)), 1))[:, :, None, None]
        x = torch.cat([F.leaky_relu(x[:, :4], 0.1), torch.tanh(self.q1(x[:, 4:8]))], 1)
        x = F.hardswish(self.c2(x)) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.avg_pool2d(F.pad(x, (-2, 2, 1, -1)), 2)
        return self.f2(torch.sigmoid(self.f1(x.flatten(1))))


def main():
    net = EveryLayer().double()
    rule.fill(net)
    x, labels = rule.tensor("input", SHAPE), torch.tensor(LABELS)
    sgd = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    losses = []
    for step in range(STEPS + 1):
        loss = F.cross_entropy(net(x), labels)
        losses.append(loss.item())
        if step < STEPS:
            sgd.zero_grad()
            loss.backward()
            sgd.step()
    tensors = list(net.named_parameters()) + [(name, one) for name, one in net.named_buffers() if one.is_floating_point()]
    fixture = {
        "input_shape": SHAPE,
        "labels": LABELS,
        "lr": LR,
        "momentum": MOMENTUM,
        "losses": losses,
        "l2": {name: one.norm().item() for name, one in tensors},
    }
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "every_layer.json"
    path.write_text(json.dumps(fixture, indent=1) + "\n")
    print(losses)


if __name__ == "__main__":
    main()
