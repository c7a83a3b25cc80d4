#!/usr/bin/env python3
"""This engine, PyTorch, ONNX Runtime, candle, burn and tract on the same work, interleaved, on the CPU.

Each peer runs in a process of its own, which lives as long as the case and is stopped (SIGSTOP) unless it is its turn. A round
gives every peer one turn: a step that is thrown away, for caches are the last peer's, and as many timed ones as fill --seconds.
A turn counts as the median of its steps, a peer as the median of its turns, a ratio as the median of the rounds' ratios.
Everyone gets the same cores and threads, and must report the same number of parameters. Linux only.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import report
from process import Process, Unavailable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUST = HERE / "rust"
INFER = [f"{name}:{batch}" for name in ("resnet18", "resnet50", "vgg16", "mobilenet_v3_large", "efficientnet_b0", "densenet121") for batch in (1, 16)]
# Of each family of architectures one.
WIDE = ["vgg11", "alexnet", "googlenet", "resnext50_32x4d", "regnet_y_400mf", "convnext_tiny", "inception_v3"]
TRAIN = ["lenet5:64", "resnet20_cifar:128", "resnet18:8", "densenet_bc_100_k12:32", "efficientnet_b0:8"]
# Families, and the peers of each; the fastest of a family stands for it.
SETTINGS = ["eager", "channels-last", "compiled", "compiled+channels-last", "compiled+frozen"]
BF16 = ["eager+channels-last+autocast", "compiled+autocast", "channels-last+bf16", "compiled+bf16", "compiled+frozen+bf16"]
RUST_PEERS = ["tract", "candle", "burn"]
PEERS = ["pytorch", "onnxruntime", *RUST_PEERS]


def families(options):
    """What is compared: title -> contenders, each `peer` or `peer:setting`."""
    found = {}
    for peer in options.peers:
        if peer == "pytorch":
            found["PyTorch"] = [f"pytorch:{setting}" for setting in options.settings]
        else:
            found[{"onnxruntime": "ONNX Runtime"}.get(peer, peer)] = [peer]
    if options.bf16:
        found["ours bf16"] = ["ours:bf16"]
        found["PyTorch bf16"] = [f"pytorch:{setting}" for setting in BF16]
    return found


def has(contender, mode):
    """Whether a contender is one for the mode at all."""
    peer, _, setting = contender.partition(":")
    if mode == "infer":
        return True
    # Weights of a training stay f32: bf16 has too few digits for small steps.
    return peer == "ours" or peer not in ("onnxruntime", "tract") and not {"frozen", "bf16"} & set(setting.split("+"))


def command(contender, flags, onnx, python):
    peer, _, setting = contender.partition(":")
    if peer == "ours":
        return [ROOT / "target/release/examples/vs_peers", *flags, "--setting", setting]
    if peer == "pytorch":
        return [python, HERE / "peers/pytorch.py", *flags, "--setting", setting]
    if peer == "onnxruntime":
        return [python, HERE / "peers/onnx_runtime.py", *flags, "--onnx", onnx]
    return [ROOT / "target/vs_peers/release" / f"{peer}_peer", *flags, *(["--onnx", onnx] if peer == "tract" else [])]


def lines(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def prepare(options):
    """Builds what is in Rust."""
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "cnn-runtime", "--example", "vs_peers"], check=True, cwd=ROOT)
    for peer in set(RUST_PEERS) & set(options.peers):
        subprocess.run(["cargo", "build", "--quiet", "--release", "-p", f"{peer}_peer"], check=True, cwd=RUST)


def measure(case, contenders, options, folder):
    """Fills in `case["peers"]`: ms, each round's ms, memory, or why there is nothing."""
    network, mode, batch = case["network"], case["mode"], case["batch"]
    try:
        shape, classes, parameters = lines(ROOT / "target/release/examples/vs_peers", "--describe", network)
    except subprocess.CalledProcessError:
        sys.exit(f"{network} is no network of images in the zoo; `cargo cnn list` shows them")
    case |= {"input": shape, "classes": int(classes), "parameters": int(parameters)}
    flags = ["--network", network, "--mode", mode, "--batch", str(batch), "--input", shape, "--classes", classes, "--threads", str(options.threads)]
    onnx, no_onnx = folder / f"{network}-{batch}.onnx", None
    if mode == "infer" and {"onnxruntime", "tract"} & set(contenders) and not onnx.exists():
        words = lines(options.python, HERE / "peers/onnx_export.py", network, classes, f"{batch}x{shape}", onnx)
        if words != ["ready", parameters]:
            no_onnx = " ".join(words)
    peers = case["peers"] = {}
    with contextlib.ExitStack() as stack:
        running = {}
        for contender in contenders:
            try:
                if no_onnx and contender in ("onnxruntime", "tract"):
                    raise Unavailable(f"no ONNX file: {no_onnx}")
                process = Process(command(contender, flags, onnx, options.python), options.threads, options.patience)
                stack.callback(process.end)
                process.greet()
                if process.parameters not in (None, int(parameters)):
                    raise Unavailable(f"another network: {process.parameters} parameters, not {parameters}")
                typical = min(process.times(2))
                running[contender] = (process, max(1, min(1000, round(options.seconds / typical))))
                peers[contender] = {"rounds_ms": []}
            except Unavailable as reason:
                peers[contender] = {"failed": str(reason)}
        for _ in range(options.rounds):
            for contender, (process, steps) in running.items():
                peers[contender]["rounds_ms"].append(1e3 * statistics.median(process.times(1 + steps)[1:]))
        for contender, (process, steps) in running.items():
            rounds = peers[contender]["rounds_ms"]
            peers[contender] |= {"ms": statistics.median(rounds), "steps": steps, **process.memory()}
    for name in ("ours", "ours:bf16"):
        if "failed" in peers.get(name, {}):
            sys.exit(f"{network}: {name} fails: {peers[name]['failed']}")


def cases(options):
    """What is measured, from `NETWORK:BATCH`; everything if nothing is asked for."""
    both = options.infer is None and options.train is None and options.wide is None
    for mode, asked, default in (("infer", options.infer, INFER), ("train", options.train, TRAIN)):
        for text in default if both or asked == [] else asked or []:
            network, _, batch = text.partition(":")
            if not batch.isascii() or not batch.isdigit() or int(batch) == 0:
                sys.exit(f"--{mode} wants NETWORK:BATCH, such as {default[0]}; got {text}")
            yield {"network": network, "mode": mode, "batch": int(batch)}
    for batch in [1, 16] if options.wide == [] else options.wide or []:
        yield from ({"network": network, "mode": "infer", "batch": batch} for network in WIDE)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = {"nargs": "*", "metavar": "NETWORK:BATCH"}
    parser.add_argument("--infer", **several, help=f"inference [default: {' '.join(INFER)}]")
    parser.add_argument("--train", **several, help=f"training steps, SGD with momentum 0.9 [default: {' '.join(TRAIN)}]")
    parser.add_argument("--wide", nargs="*", type=int, metavar="BATCH", help=f"inference of {' '.join(WIDE)} [default: batches 1 16]")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="whom to compare with [default: all]")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=SETTINGS, help="PyTorch's; the fastest counts [default: all]")
    parser.add_argument("--bf16", action="store_true", help="PyTorch and this engine in bf16 too, which are compared with each other")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="[default: as many as there are cores]")
    parser.add_argument("--rounds", type=int, default=5, help="[default: 5]")
    parser.add_argument("--seconds", type=float, default=0.5, help="a turn's length, one step at least [default: 0.5]")
    parser.add_argument("--patience", type=float, default=1800, help="seconds until a silent peer is given up [default: 1800]")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has PyTorch [default: this one]")
    parser.add_argument("--no-build", action="store_true", help="take what is built as it is")
    parser.add_argument("--json", metavar="FILE", help="every figure, as JSON")
    options = parser.parse_args()
    if not 1 <= options.threads <= len(os.sched_getaffinity(0)):
        parser.error(f"--threads must be 1 to {len(os.sched_getaffinity(0))}, the cores there are; got {options.threads}")
    if min(options.wide or [1]) < 1:
        parser.error(f"--wide wants batches of at least 1; got {min(options.wide)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    return options


def main():
    options = arguments()
    wanted = list(cases(options))
    if not options.no_build:
        prepare(options)
    compared = families(options)
    done = []
    result = {"date": datetime.date.today().isoformat(), "machine": machine(), "threads": options.threads, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as folder:
        for case in wanted:
            contenders = [name for names in compared.values() for name in names if has(name, case["mode"])]
            measure(case, ["ours", *dict.fromkeys(contenders)], options, pathlib.Path(folder))
            case["summary"] = report.summary(case, compared)
            done.append(case)
            ratios = ", ".join(f"{family} {row['ms']:.3g} ({row['ratio']:.2f})" for family, row in case["summary"].items())
            print(f"{case['network']} {case['mode']} {case['batch']}: ours {case['peers']['ours']['ms']:.3g} ms, {ratios}", file=sys.stderr, flush=True)
            if options.json:
                pathlib.Path(options.json).write_text(json.dumps(result | {"cases": done, "means": report.means(done)}, indent=1) + "\n")
    print(f"{result['date']}, {result['machine']['processor']}, {options.threads} threads, {options.rounds} rounds")
    print(report.tables(done, compared))


if __name__ == "__main__":
    main()
