#!/usr/bin/env python3
"""Writes tests/fixtures/training/NAME.json: one network's gradients and first training steps as PyTorch computes them.

usage: training.py REFERENCE [NAME …]

REFERENCE is a folder of files NAME.json, all of them if no NAME is given: training on a batch of two in 64 bits, on weights
and inputs by the weight rule (tests/common/rule.rs), of gain √2. The fixture keeps what the tests compare, one short line
for each tensor.
"""
import json
import pathlib
import sys


def trajectory(one):
    return {
        "lr": one["lr"],
        "losses": one["losses"],
        "torch_f32_losses": one["torch_f32_losses"],
        "param_l2": dict(one["param_l2_after_3_steps"]),
        "running_stats": dict(one["running_stats_after_all_4_forwards"]),
    }


def training(train):
    assert train["grads_columns"] == ["name", "l2", "first element", "sum"]
    return {
        "name": train["name"],
        "input_shape": train["input_shape"],
        "labels": train["labels"],
        "loss": train["loss_step0"],
        "loss_parts": train["loss_parts_step0"],
        "total_grad_norm": train["total_grad_norm"],
        "torch_f32_grad_error": train["torch_f32"]["max_err_of_a_grad_norm_over_total_norm"],
        "grads": {name: numbers for name, *numbers in train["grads"]},
        "running_stats": dict(train["running_stats_after_step0_forward"]),
        "trajectories": [trajectory(one) for one in train["trajectories"]],
    }


def dump(value, indent=""):
    """JSON with a line for each entry of a map and for each list: small, and a change shows in one line."""
    if isinstance(value, dict) and value:
        inner = indent + " "
        entries = [f"{inner}{json.dumps(key)}: {dump(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(entries) + "\n" + indent + "}"
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return "[" + ", ".join(dump(one, indent) for one in value) + "]"
    return json.dumps(value)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    reference = pathlib.Path(sys.argv[1])
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "training"
    out.mkdir(exist_ok=True)
    for name in sys.argv[2:] or sorted(path.stem for path in reference.glob("*.json")):
        train = json.loads((reference / f"{name}.json").read_text())
        assert train["name"] == name
        text = dump(training(train)) + "\n"
        (out / f"{name}.json").write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
