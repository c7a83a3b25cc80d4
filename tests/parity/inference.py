#!/usr/bin/env python3
"""Writes tests/fixtures/inference/NAME.json: what networks of the zoo compute, by PyTorch.

usage: inference.py REFERENCE [NAME …]

REFERENCE is a folder of files NAME.json, all of them if no NAME is given: outputs for two samples in 64 bits, on weights and
inputs by the weight rule (tests/common/rule.rs), in cases of one resolution each. Every number has ten digits there. Here it
is an integer of 32 bits, a multiple of max_abs / (2^31 - 1); little endian, base64. Of maps every 13th number is kept,
which meets every row, column and channel, with sum and length of them all.
"""
import base64
import json
import math
import pathlib
import struct
import sys

from training import dump

STEPS = 2**31 - 1
STRIDE = 13


def flat(values):
    return [number for row in values for number in flat(row)] if isinstance(values, list) else [values]


def output(name, shape, values):
    values = flat(values)
    assert len(values) == math.prod(shape), f"{name}: {len(values)} numbers, not {shape}"
    largest = max(map(abs, values))
    found = {"name": name, "shape": shape, "max_abs": largest}
    if len(shape) > 2 and len(values) > 1000:
        found |= {"stride": STRIDE, "sum": math.fsum(values), "l2": math.sqrt(math.fsum(x * x for x in values))}
    steps = [round(x / largest * STEPS) for x in values[:: found.get("stride", 1)]]
    found["values"] = base64.b64encode(struct.pack(f"<{len(steps)}i", *steps)).decode()
    return found


def case(one):
    shape = one["output_shape"]
    outputs = [output("logits", shape, one["output_flat"] if "output_flat" in one else one["logits"])]
    assert math.isclose(outputs[0]["max_abs"], one["max_abs"], rel_tol=1e-9)
    for name, auxiliary in one.get("aux_logits", {}).items():
        outputs.append(output(name, [shape[0], len(auxiliary["values"][0])], auxiliary["values"]))
    error = one["torch_f32_max_err_over_max_abs"]
    return {"case": one["case"], "input_shape": one["input_shape"], "torch_f32_error": error, "outputs": outputs}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    reference = pathlib.Path(sys.argv[1])
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "inference"
    out.mkdir(exist_ok=True)
    total = 0
    for name in sys.argv[2:] or sorted(path.stem for path in reference.glob("*.json")):
        parity = json.loads((reference / f"{name}.json").read_text())
        assert parity["name"] == name
        text = dump({"name": name, "gain": parity["G"], "cases": [case(one) for one in parity["cases"]]}) + "\n"
        (out / f"{name}.json").write_text(text)
        total += len(text)
        print(f"{name}: {len(text)} bytes")
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
