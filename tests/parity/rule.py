"""The weight rule of tests/common/rule.rs, for PyTorch."""
import math

import numpy
import torch

GAIN = math.sqrt(2)


def units(name, count):
    """splitmix64 from the FNV-1a hash of the name, 24 bits of each, in [0, 1)."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    with numpy.errstate(over="ignore"):
        z = numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed) + numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / 2**24


def tensor(name, shape, gain=GAIN):
    """A tensor in 64 bits whose values are exact in 32."""
    shape = list(shape)
    u = units(name, math.prod(shape))
    kind = name.split(".")[-1]
    if kind == "input":
        values = 2 * u - 1
    elif kind == "weight" and len(shape) >= 2:
        values = (2 * u - 1) * math.sqrt(3 / math.prod(shape[1:])) * gain
    elif kind in ("weight", "running_var", "layer_scale"):
        values = 0.5 + u
    elif kind in ("bias", "running_mean"):
        values = (2 * u - 1) * 0.1
    else:
        raise ValueError(f"the rule knows no tensor {name}")
    return torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64)).reshape(shape)


def fill(module):
    """Fills parameters and running statistics by their names."""
    with torch.no_grad():
        for name, value in list(module.named_parameters()) + list(module.named_buffers()):
            if value.is_floating_point():
                value.copy_(tensor(name, value.shape))
