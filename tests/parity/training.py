#!/usr/bin/env python3
"""Writes tests/fixtures/NAME.json: one network's outputs, gradients and first training steps as PyTorch computes them.

usage: training.py REFERENCE [NAME …]

REFERENCE holds parity/NAME.json (inference on two samples) and train_parity/NAME.json (training, batch 2), both of networks
whose weights and inputs follow the weight rule (tests/common/rule.rs), computed in 64-bit floats. The fixture keeps what
the tests compare, one short line for each tensor.
"""
import json
import pathlib
import sys

NAMES = """lenet5 resnet20_cifar resnet18 densenet121 googlenet_aux mobilenet_v3_small efficientnet_b0""".split()


def inference(parity, resolution):
    case = next(case for case in parity["cases"] if case["case"] == resolution)
    found = {
        "input_shape": case["input_shape"],
        "logits": case["logits"],
        "max_abs": case["max_abs"],
        "torch_f32_error": case["torch_f32_max_err_over_max_abs"],
    }
    if outputs := case.get("aux_logits", {}):
        one = lambda name, output: {"name": name, "logits": output["values"], "max_abs": output["max_abs"]}
        found["auxiliary"] = [one(name, output) for name, output in outputs.items()]
    return found


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
    out = pathlib.Path(__file__).parent.parent / "fixtures"
    for name in sys.argv[2:] or NAMES:
        parity = json.loads((reference / "parity" / f"{name}.json").read_text())
        train = json.loads((reference / "train_parity" / f"{name}.json").read_text())
        fixture = {"name": name, "gain": parity["G"], "inference": inference(parity, "native"), "training": training(train)}
        text = dump(fixture) + "\n"
        json.loads(text)
        (out / f"{name}.json").write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
