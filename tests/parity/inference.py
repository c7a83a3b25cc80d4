#!/usr/bin/env python3
"""Writes tests/fixtures/inference/NAME.json: a network's logits as PyTorch computes them.

usage: inference.py REFERENCE NAME …

REFERENCE holds parity/NAME.json, computed in 64 bits on weights and inputs by the weight rule (tests/common/rule.rs). The
fixture keeps the case of reduced resolution where there is one, with the outputs of auxiliary classifiers if there are any.
"""
import json
import pathlib
import sys

from training import dump, inference


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "inference"
    out.mkdir(exist_ok=True)
    for name in sys.argv[2:]:
        parity = json.loads((pathlib.Path(sys.argv[1]) / "parity" / f"{name}.json").read_text())
        small = any(case["case"] == "small" for case in parity["cases"])
        case = inference(parity, "small" if small else "native")
        fixture = {"name": name, "gain": parity["G"], "inference": case}
        text = dump(fixture) + "\n"
        (out / f"{name}.json").write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
