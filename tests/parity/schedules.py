"""Writes tests/fixtures/schedules.json: learning rates of torch.optim.lr_scheduler at every step.

`python3 tests/parity/schedules.py`, with torch installed. The names are schedules as `cnn train --schedule` takes them;
cnn-runtime/src/train/schedule/tests.rs compares.
"""
import json
import pathlib

import torch
from torch.optim import lr_scheduler as torch_schedules

BASE = 0.1


def rates(steps, make):
    """The rate of each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def warm_up(optimizer, steps, start):
    """A line from `start` to 1 whose first rate is one step above `start`, and whose last is 1."""
    first = start + (1 - start) / steps
    return torch_schedules.LinearLR(optimizer, start_factor=first, total_iters=steps - 1)


def filling(steps, start, make):
    """A warm-up, then a schedule that begins where it ends."""
    def both(optimizer):
        line = warm_up(optimizer, steps, start)
        return torch_schedules.SequentialLR(optimizer, [line, make(optimizer)], milestones=[steps])
    return both


def counting(steps, start, make):
    """A warm-up over a schedule that counts from the beginning."""
    return lambda optimizer: torch_schedules.ChainedScheduler([warm_up(optimizer, steps, start), make(optimizer)])


S = torch_schedules
CASES = [
    ("constant", 3, 4, lambda o: S.ConstantLR(o, factor=1.0)),
    ("step:2:0.1", 5, 7, lambda o: S.StepLR(o, 10, 0.1)),
    ("step:2.4:0.97", 5, 30, lambda o: S.StepLR(o, 12, 0.97)),
    ("multistep:3,5,5.5:0.2", 6, 8, lambda o: S.MultiStepLR(o, [18, 30, 33], 0.2)),
    ("exponential:2.5:0.9", 4, 10, lambda o: S.ExponentialLR(o, 0.9 ** 0.1)),
    ("cosine:0:0", 7, 6, lambda o: S.CosineAnnealingLR(o, 42)),
    ("cosine:0:0.05", 7, 6, lambda o: S.CosineAnnealingLR(o, 42, eta_min=0.005)),
    ("cosine:2:0", 7, 8, filling(14, 0.0, lambda o: S.CosineAnnealingLR(o, 42))),
    ("polynomial:1:0", 5, 9, lambda o: S.PolynomialLR(o, 45, 1.0)),
    ("polynomial:2.5:0", 5, 9, lambda o: S.PolynomialLR(o, 45, 2.5)),
    ("onecycle:0.3:25:10000", 10, 9, lambda o: S.OneCycleLR(o, BASE, total_steps=90)),
    ("onecycle:0.45:8:50", 3, 11,
     lambda o: S.OneCycleLR(o, BASE, total_steps=33, pct_start=0.45, div_factor=8, final_div_factor=50)),
    ("warmup:2:0.1+multistep:4,6:0.1", 6, 8, counting(12, 0.1, lambda o: S.MultiStepLR(o, [24, 36], 0.1))),
    ("warmup:1.5:0+step:2:0.5", 4, 7, counting(6, 0.0, lambda o: S.StepLR(o, 8, 0.5))),
    ("warmup:3:0.25+polynomial:2:0", 4, 9, filling(12, 0.25, lambda o: S.PolynomialLR(o, 24, 2.0))),
]

result = {name: [per_epoch, epochs, rates(per_epoch * epochs, make)] for name, per_epoch, epochs, make in CASES}
# Its rates cannot follow another schedule's in one optimizer, so the two stretches are written one behind the other.
cycle = rates(24, lambda o: S.OneCycleLR(o, BASE, total_steps=24))
result["warmup:2:0.5+onecycle:0.3:25:10000"] = [4, 8, rates(8, lambda o: warm_up(o, 8, 0.5)) + cycle]
path = pathlib.Path(__file__).parent.parent / "fixtures" / "schedules.json"
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in result.items())
path.write_text("{\n" + lines + "\n}\n")
print(f"{path}: {len(result)} schedules")
