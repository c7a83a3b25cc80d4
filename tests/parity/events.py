"""TensorBoard's own reader reads a run's event file: every scalar of metrics.jsonl, at its step, and both texts.

    python3 tests/parity/events.py RUN        (with TensorBoard installed: pip install tensorboard)
"""

import json
import math
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])
events = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
events.Reload()
tags = events.Tags()

expected = {}
for line in (run / "metrics.jsonl").read_text().splitlines():
    record = json.loads(line)
    if record["kind"] == "step":
        names = {"train/" + key: key for key in ("loss", "accuracy", "rate", "images_per_second")}
    elif record["kind"] == "epoch":
        names = {"epoch/loss": "loss", "epoch/accuracy": "accuracy", "test/calibration_error": "calibration_error"}
        kept = "average" if record["average_loss"] is not None else "eval"
        names |= {"test/loss": f"{kept}_loss", "test/accuracy": f"{kept}_accuracy"}
        if record["top5"] is not None:
            names["test/top5"] = "top5"
    else:
        continue
    values = {tag: record[key] for tag, key in names.items()}
    if record.get("main_loss") is not None:
        group = "train" if record["kind"] == "step" else "epoch"
        values[f"{group}/main_loss"] = record["main_loss"]
        values |= {f"{group}/auxiliary_loss_{i}": loss for i, loss in enumerate(record["auxiliary_losses"], 1)}
    for tag, value in values.items():
        expected.setdefault(tag, []).append((record["step"], value, record["seconds"]))

assert sorted(expected) == sorted(tags["scalars"]), (sorted(expected), tags)
count, began = 0, None
for tag, values in expected.items():
    read = events.Scalars(tag)
    assert [event.step for event in read] == [step for step, _, _ in values], tag
    for event, (_, value, seconds) in zip(read, values):
        assert math.isclose(event.value, value, rel_tol=1e-6, abs_tol=1e-30), (tag, event, value)
        began = event.wall_time - seconds if began is None else began
        assert abs(event.wall_time - seconds - began) < 1e-3, (tag, event)
        count += 1
assert sorted(tags["tensors"]) == ["network", "settings"], tags
for tag, name in (("settings", "settings.json"), ("network", "network.cnn")):
    text = events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
    assert text == "".join(f"    {line}\n" for line in (run / name).read_text().splitlines()), tag
print(f"{run}: {count} scalars in {len(expected)} tags and 2 texts are read as they were written")
