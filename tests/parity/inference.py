#!/usr/bin/env python3
"""Writes tests/fixtures/inference/NAME.json: a network's logits as PyTorch computes them.

usage: inference.py REFERENCE NAME …

REFERENCE holds parity/NAME.json, computed in 64 bits on weights and inputs by the weight rule (tests/common/rule.rs). The
fixture keeps the case of reduced resolution, with the outputs of auxiliary classifiers where there are any.
"""
import json
import pathlib
import sys

from training import dump, inference


def auxiliary(parity, resolution):
    case = next(case for case in parity["cases"] if case["case"] == resolution)
    outputs = case.get("aux_logits", {}).items()
    return [{"name": name, "logits": output["values"], "max_abs": output["max_abs"]} for name, output in outputs]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "inference"
    out.mkdir(exist_ok=True)
    for name in sys.argv[2:]:
        parity = json.loads((pathlib.Path(sys.argv[1]) / "parity" / f"{name}.json").read_text())
        fixture = {"name": name, "gain": parity["G"], "inference": inference(parity, "small")}
        if outputs := auxiliary(parity, "small"):
            fixture["auxiliary"] = outputs
        text = dump(fixture) + "\n"
        (out / f"{name}.json").write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
