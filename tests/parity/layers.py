#!/usr/bin/env python3
"""Writes tests/fixtures/layers.json: every layer alone, as PyTorch computes it in 64 bits.

usage: layers.py        (needs torch and numpy)

A case is one layer, or a few, on an input by the weight rule (rule.py), with parameters by the rule under the names that they
have in tests/layer_parity.rs. The fixture holds fingerprints of the output (`y`), of the gradients of `sum(upstream * y)` for
the input and every parameter, of running statistics, and, where it is another, of the output in inference (`eval`).

A fingerprint is the shape, the largest magnitude, and all values of a small tensor; of a large one its length, its sum and
every n-th value.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

import rule
from operations import affine, connected, layer_norm, same, shift, shuffle, standardized

SMALL = 48
CASES = {}


def case(name, function, parameters=None, input_shape=(2, 6, 7, 9)):
    """`function` is a module, whose tensors are named `l.…`, or takes x and the parameters in order."""
    module = nn.Module()
    if isinstance(function, nn.Module):
        module.l = function
        run = module.l
    else:
        values = {full: nn.Parameter(torch.zeros(shape)) for full, shape in (parameters or {}).items()}
        run = lambda x: function(x, *[module.get_parameter(full) for full in values])
        for full, value in values.items():
            scope, last = full.split(".")
            if not hasattr(module, scope):
                module.add_module(scope, nn.Module())
            module.get_submodule(scope).register_parameter(last, value)
    module.double()
    rule.fill(module)
    x = rule.tensor("input", input_shape).requires_grad_()
    module.eval()
    inference = run(x).detach()
    module.train()
    y = run(x)
    (y * rule.tensor("upstream.input", y.shape)).sum().backward()
    tensors = {"y": y, "input": x.grad}
    tensors |= {parameter: value.grad for parameter, value in module.named_parameters()}
    tensors |= {buffer: value for buffer, value in module.named_buffers() if value.is_floating_point()}
    if not torch.equal(inference, y):
        tensors["eval"] = inference
    assert name not in CASES, name
    CASES[name] = {"input": list(input_shape), "tensors": {key: fingerprint(value) for key, value in tensors.items()}}


def fingerprint(tensor):
    flat = tensor.detach().reshape(-1)
    short = lambda values: [float(f"{float(value):.9g}") for value in values]
    found = {"shape": list(tensor.shape), "max": short([flat.abs().max()])[0]}
    if len(flat) <= SMALL:
        return found | {"values": short(flat)}
    step = len(flat) // 16
    return found | {"l2": short([flat.norm()])[0], "sum": short([flat.sum()])[0], "step": step, "values": short(flat[::step])}


def weights(out, fan, bias=True, scope="l"):
    parameters = {f"{scope}.weight": [out, *fan]}
    return parameters | {f"{scope}.bias": [out]} if bias else parameters


def convolutions():
    case("ConvPlain", nn.Conv2d(6, 4, 3))
    case("ConvRectangular", nn.Conv2d(6, 4, (3, 5), stride=(2, 1), padding=(1, 2), bias=False))
    case("ConvSides", lambda x, w, b: F.conv2d(F.pad(x, (3, 0, 2, 1)), w, b, stride=2), weights(4, [6, 3, 3]))
    case("ConvDilated", nn.Conv2d(6, 4, (3, 2), dilation=(2, 3)))
    case("ConvGrouped", nn.Conv2d(6, 4, 3, padding=1, groups=2))
    case("ConvPointwise", nn.Conv2d(6, 5, 1))
    case("ConvStrided1x1", nn.Conv2d(6, 5, 1, stride=2))
    case("ConvStd", lambda x, w, b: F.conv2d(x, standardized(w), b, padding=1), weights(4, [6, 3, 3]))
    case("ConvStdPlain", lambda x, w: F.conv2d(x, standardized(w), stride=2, groups=2), weights(4, [3, 3, 3], False))
    table = [[0, 1, 2], [1, 3, 5], [4], [0, 1, 2, 3, 4, 5]]
    case("ConvConnect", lambda x, w, b: F.conv2d(x, connected(w, table), b), weights(4, [6, 3, 3]))
    case("ConvSame", lambda x, w, b: F.conv2d(same(x, (3, 4), (1, 1)), w, b), weights(4, [6, 3, 4]))
    case("ConvSameStrided", lambda x, w, b: F.conv2d(same(x, (3, 2), (2, 2)), w, b, stride=2), weights(4, [6, 3, 2]))
    case("Depthwise", nn.Conv2d(6, 6, 3, padding=1, groups=6))
    case("DepthwiseStrided", nn.Conv2d(6, 12, (3, 5), stride=(2, 3), padding=(1, 2), groups=6, bias=False))
    case("DepthwiseSame", lambda x, w, b: F.conv2d(same(x, (3, 3), (2, 2), (1, 2)), w, b, stride=2, dilation=(1, 2), groups=6),
         weights(6, [1, 3, 3]))


def linears():
    case("Linear", lambda x, w, b: F.linear(x.flatten(1), w, b), weights(4, [378]))
    case("LinearPlain", lambda x, w: F.linear(x.mean((2, 3)), w), weights(4, [6], False))
    pixelwise = lambda x, w, b=None: F.linear(x.permute(0, 2, 3, 1), w, b).permute(0, 3, 1, 2)
    case("LinearPixelwise", pixelwise, weights(4, [6]))
    case("LinearPixelwisePlain", pixelwise, weights(5, [6], False))


def normalisations():
    case("Bn", nn.BatchNorm2d(6))
    case("BnPlain", nn.BatchNorm2d(6, eps=1e-3, momentum=0.3, affine=False))
    class Vectors(nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x.mean((2, 3)))
    case("BnVector", Vectors(6), input_shape=(4, 6, 7, 9))
    case("Gn", nn.GroupNorm(3, 6))
    case("GnOne", nn.GroupNorm(1, 6, eps=1e-3))
    case("GnVector", lambda x, w, b: F.group_norm(x.mean((2, 3)), 2, w, b), {"l.weight": [6], "l.bias": [6]})
    case("Ln", layer_norm, {"l.weight": [6], "l.bias": [6]})
    case("LnVector", lambda x, w, b: layer_norm(x.flatten(1), w, b, 1e-6), {"l.weight": [378], "l.bias": [378]})
    case("Lrn", lambda x: F.local_response_norm(x, 3))
    case("LrnStrong", lambda x: F.local_response_norm(x, 5, alpha=2.0, beta=0.5, k=2.0))
    case("LrnEven", lambda x: F.local_response_norm(x, 4, alpha=3.0))
    case("LrnWide", lambda x: F.local_response_norm(x, 11, alpha=3.0))


def activations():
    wide = lambda function: lambda x: function(6 * x)
    case("Relu", F.relu)
    case("Relu6", lambda x: F.relu6(9 * x))
    case("Leaky", F.leaky_relu)
    case("LeakySteep", lambda x: F.leaky_relu(x, 0.3))
    case("Prelu", F.prelu, {"l.weight": [1]})
    case("PreluChannels", F.prelu, {"l.weight": [6]})
    case("PreluVector", lambda x, w: F.prelu(x.mean((2, 3)), w), {"l.weight": [6]})
    case("Sigmoid", wide(torch.sigmoid))
    case("Tanh", wide(torch.tanh))
    case("Silu", wide(F.silu))
    case("Hswish", wide(F.hardswish))
    case("Hsigmoid", wide(F.hardsigmoid))
    case("Gelu", wide(F.gelu))
    case("Softmax", lambda x: F.softmax(6 * x, 1))
    case("SoftmaxVector", lambda x: F.softmax(x.flatten(1), 1))


def pools():
    case("MaxPool", lambda x: F.max_pool2d(x, 2))
    case("MaxPoolOverlapping", lambda x: F.max_pool2d(x, 3, 2, 1))
    case("MaxPoolCeil", lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True))
    case("MaxPoolCeilPadded", lambda x: F.max_pool2d(x, 2, (2, 3), 1, ceil_mode=True))
    case("MaxPoolDilated", lambda x: F.max_pool2d(x, (2, 3), 1, dilation=(2, 3)))
    case("MaxPoolSame", lambda x: F.max_pool2d(same(x, (3, 2), (2, 2), value=-torch.inf), (3, 2), 2))
    case("AvgPool", lambda x: F.avg_pool2d(x, 2))
    case("AvgPoolPadded", lambda x: F.avg_pool2d(x, 3, 2, 1))
    case("AvgPoolUncounted", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
    case("AvgPoolCeil", lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True))
    case("AvgPoolCeilPadded", lambda x: F.avg_pool2d(x, (2, 4), (2, 3), (1, 2), ceil_mode=True))
    case("AvgPoolCeilUncounted", lambda x: F.avg_pool2d(x, (2, 4), (2, 3), (1, 2), ceil_mode=True, count_include_pad=False))
    mean = lambda x: F.avg_pool2d(same(x, (3, 2), (2, 2)), (3, 2), 2)
    case("AvgPoolSame", mean)
    case("AvgPoolSameUncounted", lambda x: mean(x) / mean(torch.ones_like(x)))
    case("AdaptiveAvgPool", lambda x: F.adaptive_avg_pool2d(x, (3, 4)))
    case("AdaptiveAvgPoolLarger", lambda x: F.adaptive_avg_pool2d(x, (9, 2)))
    case("Gap", lambda x: x.mean((2, 3)))


def rearrangements():
    case("Pad", lambda x: F.pad(x, (3, 0, 1, 2)))
    case("PadCrop", lambda x: F.pad(x, (2, -3, -1, 1)))
    case("Dropout", lambda x: F.dropout(x, 0.0))
    case("Flatten", lambda x: x.flatten(1))
    case("Identity", lambda x: x * 1)
    case("Zero", lambda x: x * 0)
    case("ZeroStrided", lambda x: x[:, :, ::2, ::3] * 0)
    case("ShiftRow", lambda x: shift(x, (1, 3)))
    case("ShiftWindow", lambda x: shift(x, (3, 3)), input_shape=(2, 20, 5, 6))
    case("ShiftEven", lambda x: shift(x, (2, 2), (1, 2)))
    case("ShiftStays", lambda x: shift(x, (3, 3)))
    case("Shuffle", lambda x: shuffle(x, 2))
    case("ShuffleVector", lambda x: shuffle(x.mean((2, 3)), 3))
    case("UpsampleNearest", lambda x: F.interpolate(x, scale_factor=(2, 3)))
    case("UpsampleBilinear", lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear", align_corners=False))
    case("UpsampleCorners", lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear", align_corners=True))
    case("Scale", lambda x: -1.5 * x)
    case("Affine", affine, {"l.weight": [6], "l.bias": [6]})
    case("AffinePlain", lambda x, w: affine(x.mean((2, 3)), w), {"l.weight": [6]})
    case("Subsample", lambda x: x[:, :, ::2, ::3])
    case("PadChannels", lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)))
    case("Select", lambda x: x[:, 1:4])
    case("SelectVector", lambda x: x.mean((2, 3))[:, 4:6])


def joins():
    two = {"a.weight": [6, 6, 1, 1], "b.weight": [6, 6, 1, 1]}
    case("Add", lambda x, a, b: F.conv2d(x, a) + F.conv2d(x, b) + x, two)
    case("AddVectors", lambda x: x.mean((2, 3)) + x.mean((2, 3)))
    case("Concat", lambda x, a, b: torch.cat([F.conv2d(x, a), x, F.conv2d(x, b)], 1), two)
    case("ConcatVectors", lambda x: torch.cat([x.flatten(1), x.mean((2, 3))], 1))
    case("MulMaps", lambda x, a, b: F.conv2d(x, a) * F.conv2d(x, b), two)
    case("MulGate", lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)))
    case("MulGateFirst", lambda x: torch.sigmoid(x.mean((2, 3), keepdim=True)) * x)
    case("MulPlane", lambda x: x * x[:, 2:3])
    case("MulVector", lambda x: x * torch.sigmoid(x.mean((2, 3)))[:, :, None, None])
    case("MulVectorFirst", lambda x: torch.sigmoid(x.mean((2, 3)))[:, :, None, None] * x)
    case("MulThree", lambda x: x[:, 2:3] * x.mean((2, 3), keepdim=True) * x)
    case("MulOuter", lambda x: x.mean(2, keepdim=True) * x.mean(3, keepdim=True))
    case("MulVectors", lambda x: x.mean((2, 3)) * x.mean((2, 3))[:, :1])


def main():
    for family in (convolutions, linears, normalisations, activations, pools, rearrangements, joins):
        family()
    lines = []
    for name, one in CASES.items():
        tensors = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in one["tensors"].items())
        lines.append(f'{json.dumps(name)}: {{"input": {one["input"]}, "tensors": {{\n  {tensors}}}}}')
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "layers.json"
    path.write_text(text)
    print(f"{len(CASES)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
