#!/usr/bin/env python3
"""This engine and PyTorch on the same work, in turns, on an NVIDIA graphics processor.

Each contender is a process of its own. Several get ready at once, for compilers of PyTorch take a minute of one core; while one is
measured, all others are stopped (SIGSTOP), those that are still compiling too, and cuDNN searches its algorithms in one process at a
time. A setting of PyTorch is measured against this engine
in the same precision: ours, PyTorch, ours, PyTorch, ours. A turn is many steps one behind the other on the wall clock, after a third as
many that are thrown away. Ours is given its images on the host in every step, and returns the loss or the logits. PyTorch is measured
twice: `resident`, with images that lie on the device, and `fed`, with images from pinned memory.

A contender that fails, or is not ready in time, is named and left out. When --budget is used up, what is left is named.
"""
import argparse
import datetime
import fcntl
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import report
from job import SETTINGS, Job, figures, gone, pause
from machine import machine, memory_of, query
from process import Unavailable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What says most comes first.
TRAIN = ["resnet50:256", "resnet20_cifar:128", "resnet18:256", "lenet5:64", "efficientnet_b0:256"]
INFER = [f"{name}:{batch}" for name in ("resnet50", "resnet20_cifar", "resnet18", "lenet5", "efficientnet_b0") for batch in (1, 128)]
PRECISIONS = ["bf16", "f16", "tf32", "f32"]
# How often what runs out of memory is begun again, with the double foreseen.
TRIES = 3


class Run:
    """All jobs: what is begun, measured, found."""

    def __init__(self, cases, options):
        self.cases, self.options, self.began = cases, options, time.monotonic()
        self.machine, self.capacity = None, memory_of(options.device)
        self.theirs, self.ours = [], {}
        usual = [name for name in options.settings if name != "frozen"]
        late = [name for name in options.settings if name == "frozen"]
        for precision in options.precision:
            for names in (usual, late):
                for case in cases:
                    wanted = [name for name in names if SETTINGS[name][1](case)]
                    self.theirs += [Job(case, "pytorch", name, precision) for name in wanted]
        for precision in options.precision:
            for case in cases:
                job = Job(case, "ours", "", precision)
                self.ours[job.key()] = job

    def seconds(self):
        return time.monotonic() - self.began

    def say(self, text):
        print(f"[{self.seconds():6.1f} s] {text}", flush=True)

    def alive(self):
        return [job for job in [*self.theirs, *self.ours.values()] if job.process]

    def partners(self, ours):
        """PyTorch's processes that will be measured against this one."""
        return [job for job in self.theirs if job.key() == ours.key() and job.state in ("preparing", "ready")]

    def fits(self, job):
        """Whether there is memory for it, and for those of ours that will be begun beside PyTorch's."""
        alive = self.alive()
        if not alive or self.capacity is None:
            return True
        ours = [self.ours[each.key()] for each in [job, *alive]]
        wanted = {id(each): each for each in [job, *alive, *(each for each in ours if each.state == "waiting" and each.tries == 1)]}
        return sum(each.mib for each in wanted.values()) <= self.capacity

    def begin(self, job):
        try:
            job.begin(self.options)
        except OSError as error:
            self.fail(job, error)

    def begin_what_fits(self):
        for job in self.theirs:
            preparing = sum(each.state == "preparing" for each in self.theirs)
            living = sum(each.process is not None for each in self.theirs)
            if job.state == "waiting" and preparing < self.options.parallel and living < 2 * self.options.parallel and self.fits(job):
                self.begin(job)
            if job.state == "waiting" and job.tries > 1:
                # Others would take what it waits for.
                break
        waiting = [job for job in self.ours.values() if job.state == "waiting"]
        if any(job.state == "preparing" for job in self.ours.values()):
            return
        # One whose partner is ready; or, when PyTorch has no more to begin, one that was never measured.
        wanted = [job for job in waiting if any(each.state == "ready" for each in self.partners(job))]
        if not wanted and not any(job.state == "waiting" for job in self.theirs):
            wanted = [job for job in waiting if not self.partners(job) and not figures(job)]
        wanted = [job for job in wanted if self.fits(job)]
        if wanted:
            self.begin(wanted[0])

    def listen(self):
        for job in self.alive():
            if job.state == "preparing":
                try:
                    job.listen(self.options)
                except (Unavailable, OSError, ValueError) as reason:
                    self.fail(job, reason)

    def fail(self, job, reason):
        if "out of memory" in str(reason).lower() and job.tries < TRIES:
            self.say(f"{job}: out of memory, again when there is more")
            job.end("waiting")
            job.tries, job.mib = job.tries + 1, 2 * job.mib
            return
        self.say(f"{job}: fails: {reason}")
        job.end("failed")
        figures(job)["failed"] = str(reason)

    def next(self):
        """What can be measured now: PyTorch's process and ours beside it, or ours alone."""
        earlier = False
        for job in self.theirs:
            earlier |= job.state == "preparing"
            ours = self.ours[job.key()]
            # Measuring keeps all others from getting ready, so it is put off for a while for those that come first.
            if earlier and time.monotonic() - job.began < job.seconds + self.options.hold:
                continue
            # One that waits for memory is not waited for.
            if job.state == "ready" and (ours.state in ("ready", "failed") or ours.state == "waiting" and not self.fits(ours)):
                return job, ours if ours.state == "ready" else None
        for ours in self.ours.values():
            if ours.state == "ready" and not self.partners(ours) and not figures(ours):
                return ours, None
        return None

    def measure(self, job, ours):
        others = [each for each in self.alive() if each.state == "preparing"]
        with open(self.options.lock) as lock:
            # Who is looking for its fastest algorithm is not stopped in the middle; who never ends is not waited for.
            asked = time.monotonic()
            while not taken(lock) and time.monotonic() - asked < 20:
                time.sleep(0.01)
            for each in others:
                pause(each, signal.SIGSTOP)
            # What they had begun on the device ends.
            time.sleep(0.1)
            try:
                self.turns(job, ours)
            finally:
                for each in others:
                    pause(each, signal.SIGCONT)

    def turns(self, job, ours):
        found, length = figures(job), self.options.seconds
        mine = []
        if job.peer == "ours":
            mine = [job.turn(length) for _ in range(2 * self.options.rounds)]
            ours = job
        else:
            resident, fed = [], []
            for _ in range(self.options.rounds):
                mine += [ours.turn(length)] if ours else []
                resident.append(job.turn(length, "resident"))
                fed.append(job.turn(length, "fed"))
            mine += [ours.turn(length)] if ours else []
            found |= {"resident_ms": resident, "fed_ms": fed, "prepared_s": job.seconds, "reserved": job.process.memory()["peak"]}
            found |= {"resident": statistics.median(resident), "fed": statistics.median(fed)}
            if ours:
                found["ours"] = statistics.median(mine)
        if ours:
            its = figures(ours)
            its.setdefault("turns_ms", []).extend(mine)
            its |= {"ms": statistics.median(its["turns_ms"]), "prepared_s": ours.seconds, "planned": ours.process.memory()["planned"]}

    def held(self, *jobs):
        """What the driver says processes hold on the device, their context and kernels too."""
        of = {}
        for line in query("--query-compute-apps=pid,used_memory"):
            pid, _, mib = line.partition(",")
            if pid.strip().isdigit() and mib.strip().isdigit():
                of[int(pid)] = int(mib) * report.MEBIBYTE
        for job in jobs:
            if job and job.process and job.process.child.pid in of:
                figures(job)["held"] = of[job.process.child.pid]

    def finish(self, job, ours):
        """Measures, says so, and ends who is not wanted any more."""
        try:
            self.measure(job, ours)
            self.held(job, ours)
            its = figures(job)
            if job.peer == "ours":
                self.say(f"{job}: {its['ms']:.4g} ms")
            else:
                resident, fed, beside = its["resident"], its["fed"], its.get("ours")
                ratios = f"; ours {beside:.4g} (theirs / ours {resident / beside:.2f}, fed {fed / beside:.2f})" if beside else ""
                self.say(f"{job}: {resident:.4g} ms, fed {fed:.4g}{ratios}")
            job.end("done")
        except (Unavailable, OSError, ValueError, IndexError) as reason:
            # Of two it is the one that is gone; the other's turns stand.
            guilty = ours if ours and gone(ours) else job
            self.fail(guilty, reason)
            if guilty is not job and job.process and gone(job):
                self.fail(job, reason)
        for each in self.ours.values():
            if each.state == "ready" and not self.partners(each) and figures(each):
                # It begins again if PyTorch gets ready later.
                each.end("waiting" if self.waits(each) else "done")
        save(self)

    def waits(self, ours):
        return any(job.key() == ours.key() and job.state == "waiting" for job in self.theirs)

    def go(self):
        while any(job.state in ("waiting", "preparing", "ready") for job in self.theirs) or self.unmeasured():
            if self.seconds() > self.options.budget:
                self.say(f"the budget of {self.options.budget:g} s is used up")
                break
            self.begin_what_fits()
            self.listen()
            found = self.next()
            if found:
                self.finish(*found)
            else:
                time.sleep(0.02)

    def unmeasured(self):
        return any(job.state in ("waiting", "preparing", "ready") and not figures(job) for job in self.ours.values())

    def end(self):
        for job in self.alive():
            job.end("skipped")

    def skipped(self):
        """What was not measured, and did not fail."""
        return [str(job) for job in [*self.theirs, *self.ours.values()] if not figures(job)]


def taken(lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def cases(options):
    """What is measured, from `NETWORK:BATCH`; everything if nothing is asked for."""
    both = options.infer is None and options.train is None
    for mode, asked, default in (("train", options.train, TRAIN), ("infer", options.infer, INFER)):
        for text in default if both or asked == [] else asked or []:
            network, _, batch = text.partition(":")
            if not batch.isascii() or not batch.isdigit() or int(batch) == 0:
                sys.exit(f"--{mode} wants NETWORK:BATCH, such as {default[0]}; got {text}")
            try:
                done = subprocess.run([options.ours, "--describe", network], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            except OSError as error:
                sys.exit(f"{options.ours}: {error.strerror}")
            if done.returncode:
                sys.exit(f"{network}: {done.stderr.strip()}")
            shape, classes, parameters = done.stdout.split()
            case = {"network": network, "mode": mode, "batch": int(batch), "input": shape}
            yield case | {"classes": int(classes), "parameters": int(parameters), "found": {}}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = {"nargs": "*", "metavar": "NETWORK:BATCH"}
    parser.add_argument("--train", **several, help=f"training steps, SGD with momentum 0.9 [default: {' '.join(TRAIN)}]")
    parser.add_argument("--infer", **several, help=f"inference [default: {' '.join(INFER)}]")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["bf16", "tf32"], help="one after the other [default: bf16 tf32]")
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS), help="PyTorch's [default: all]; none: ours alone")
    parser.add_argument("--device", default="cuda:0", help="cuda:N, or cpu to try this out [default: cuda:0]")
    parser.add_argument("--budget", type=float, default=3600, help="seconds after which nothing more is begun [default: 3600]")
    parser.add_argument("--parallel", type=int, help="processes of PyTorch that get ready at once [default: two for three cores]")
    parser.add_argument("--hold", type=float, default=20, help="seconds that what is ready waits for what comes before it [default: 20]")
    parser.add_argument("--rounds", type=int, default=2, help="turns of PyTorch's [default: 2]")
    parser.add_argument("--seconds", type=float, default=0.2, help="a turn's length, five steps at least [default: 0.2]")
    parser.add_argument("--patience", type=float, default=300, help="seconds until a contender that is not ready is given up [default: 300]")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="[default: as many as there are cores]")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has PyTorch [default: this one]")
    parser.add_argument("--ours", metavar="PROGRAM", help="the example vs_peers, built already; else it is built")
    parser.add_argument("--json", metavar="FILE", help="every figure, as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="the tables, which are printed too")
    options = parser.parse_args()
    if options.parallel is None:
        options.parallel = max(2, 2 * options.threads // 3)
    if options.parallel < 1 or options.rounds < 1 or options.seconds <= 0 or options.threads < 1:
        parser.error("--parallel, --rounds, --seconds and --threads must be above 0")
    options.precision = list(dict.fromkeys(options.precision))
    if options.ours is None:
        command = ["cargo", "build", "--quiet", "--release", "-p", "cnn-runtime", "--features", "cuda", "--example", "vs_peers"]
        subprocess.run(command, check=True, cwd=ROOT)
        options.ours = ROOT / "target/release/examples/vs_peers"
    options.ours = pathlib.Path(options.ours).resolve()
    return options


def save(run):
    """Writes what is known by now, and returns the tables."""
    result = {"date": datetime.date.today().isoformat(), "machine": run.machine, "rounds": run.options.rounds, "seconds": run.options.seconds}
    result |= {"took_s": run.seconds(), "cases": run.cases, "skipped": run.skipped()}
    text = report.precisions(result, list(SETTINGS), run.options.precision)
    if run.options.json:
        pathlib.Path(run.options.json).write_text(json.dumps(result, indent=1) + "\n")
    if run.options.markdown:
        pathlib.Path(run.options.markdown).write_text(text + "\n")
    return text


def main():
    options = arguments()
    # Whoever ends this, its processes end too, and what was measured is told.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run = Run(list(cases(options)), options)
    lock = tempfile.NamedTemporaryFile()
    options.lock = lock.name
    try:
        run.begin_what_fits()
        run.machine = machine(options)
        run.say(", ".join(f"{what} {value}" for what, value in run.machine.items()))
        run.go()
    except KeyboardInterrupt:
        run.say("interrupted")
    finally:
        run.end()
        if run.machine:
            print(save(run), flush=True)


if __name__ == "__main__":
    main()
