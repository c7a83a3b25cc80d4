"""What a peer and compare.py or cuda.py say to each other, a line at a time. rust/protocol/src/lib.rs says the same in Rust.

A peer is started with --network --mode --batch --input --classes --threads (and --setting, --device, --lock, --onnx). It builds the network, makes
a step, and says

    ready PARAMETERS          or `ready -` where it cannot tell; what compare.py checks: everyone runs the same network
    refused REASON            if it does not have the network or the mode

Then it answers: to `steps N` with `times T1 … TN`, seconds of each; to `run N` with `took T`, seconds of all, one behind the other
(`run N WAY` where a step can be made in several ways); to `memory` with `memory BEFORE NOW PEAK PLANNED`, bytes of memory before the
network existed, now, and at the largest in between, and what a plan foretold or 0. Memory is what is resident; of PyTorch on a
graphics processor, what it holds there. At the end of its input it goes.
"""
import argparse
import os
import sys
import time


class Refused(Exception):
    """What the peer does not have."""


def status(what):
    """A figure of this process in bytes."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", required=True)
    parser.add_argument("--mode", required=True, choices=["infer", "train"])
    parser.add_argument("--batch", required=True, type=int)
    parser.add_argument("--input", required=True, help="CxHxW")
    parser.add_argument("--classes", required=True, type=int)
    parser.add_argument("--threads", required=True, type=int)
    parser.add_argument("--setting", default="")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lock")
    parser.add_argument("--onnx")
    options = parser.parse_args()
    options.input = [int(size) for size in options.input.split("x")]
    options.train = options.mode == "train"
    return options


def serve(prepare, synchronise=lambda: None, memory=None):
    """`prepare(options)` makes everything that is not the network's; what it returns builds the network: (step, parameters).

    A step that can be made in several ways is a dictionary of them. `synchronise` waits for what a step has begun; `memory` tells
    of memory elsewhere.
    """
    # Libraries that print must not be taken for the peer.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(*words):
        print(*words, file=output, flush=True)

    try:
        build = prepare(arguments())
        with open("/proc/self/clear_refs", "w") as peak:
            peak.write("5")
        before = status("VmRSS")
        step, parameters = build()
        ways = step if isinstance(step, dict) else {"": step}
        step = next(iter(ways.values()))
        step()
    except Refused as reason:
        return say("refused", *str(reason).split())
    say("ready", "-" if parameters is None else parameters)
    for line in sys.stdin:
        request = line.split()
        if request[0] == "steps":
            times = []
            for _ in range(int(request[1])):
                began = time.perf_counter()
                step()
                synchronise()
                times.append(time.perf_counter() - began)
            say("times", *times)
        elif request[0] == "run":
            chosen = ways[request[2]] if len(request) > 2 else step
            synchronise()
            began = time.perf_counter()
            for _ in range(int(request[1])):
                chosen()
            synchronise()
            say("took", time.perf_counter() - began)
        elif request[0] == "memory":
            say("memory", *(memory() if memory else (before, status("VmRSS"), status("VmHWM"), 0)))
        else:
            raise ValueError(f"`steps N`, `run N` or `memory`, not {line!r}")
