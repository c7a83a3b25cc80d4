"""Writes tests/fixtures/optimizers.json: weights after steps of the optimizers of PyTorch and timm, in 64 bits.

`python3 tests/parity/optimizers.py`, with torch and timm installed. Weights and gradients are drawn by a rule that
cnn-runtime/src/kernels/optimizer/tests.rs repeats.
"""
import json
import math
import pathlib

import torch
from timm.optim.rmsprop_tf import RMSpropTF

LENGTH, STEPS = 7, 5
CASES = [
    ("sgd", torch.optim.SGD, dict(lr=0.1)),
    ("sgd momentum", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    ("sgd nesterov", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.05)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01, alpha=0.9, eps=1e-3)),
    ("rmsprop momentum", torch.optim.RMSprop, dict(lr=0.01, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=0.01)),
    ("rmsprop tensorflow", RMSpropTF, dict(lr=0.01, alpha=0.9, eps=1e-3)),
    ("rmsprop tensorflow momentum", RMSpropTF,
     dict(lr=0.01, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=0.01)),
]


def values(step):
    """Weights for step 0, then gradients."""
    return torch.tensor([math.sin(1.0 + 3.0 * step + 0.7 * i) for i in range(LENGTH)], dtype=torch.float64)


result = {}
for name, optimizer, arguments in CASES:
    weight = torch.nn.Parameter(values(0))
    rule = optimizer([weight], **arguments)
    for step in range(1, STEPS + 1):
        for group in rule.param_groups:
            group["lr"] = arguments["lr"] / step  # a schedule shows where the rate goes in
        weight.grad = values(step)
        rule.step()
    result[name] = weight.tolist()

path = pathlib.Path(__file__).parent.parent / "fixtures" / "optimizers.json"
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(weights)}" for name, weights in result.items())
path.write_text("{\n" + lines + "\n}\n")
