"""One contender for a case: how it is begun, asked for turns, and ended."""
import pathlib
import time

from process import Process, Unavailable

HERE = pathlib.Path(__file__).resolve().parent
# Steps so short that what the host does for each counts.
SMALL = ["resnet20_cifar", "lenet5"]
# How PyTorch runs: what peers/pytorch_cuda.py calls it, and which cases it is for.
SETTINGS = {
    "eager": ("eager", lambda case: True),
    "compiled": ("compiled", lambda case: True),
    "graphs": ("graphs", lambda case: case["mode"] == "infer" or case["network"] in SMALL),
    "frozen": ("graphs+frozen", lambda case: case["mode"] == "infer"),
}
# MiB that a training step in f32 wants for an image, roughly: no more processes are begun than fit.
MIB_AN_IMAGE = {"resnet50": 95, "efficientnet_b0": 95, "resnet18": 30, "resnet20_cifar": 2, "lenet5": 0.1}
MIB_A_PROCESS = 800


class Job:
    """A contender for a case, from its process' beginning to its end."""

    def __init__(self, case, peer, setting, precision):
        self.case, self.peer, self.setting, self.precision = case, peer, setting, precision
        self.process, self.state, self.tries, self.began, self.seconds = None, "waiting", 1, 0.0, 0.0
        of_an_image = MIB_AN_IMAGE.get(case["network"], 95) * (1 if case["mode"] == "train" else 0.15)
        self.mib = MIB_A_PROCESS + case["batch"] * of_an_image * (0.65 if precision in ("bf16", "f16") and peer == "pytorch" else 1)

    def __str__(self):
        name = "ours" if self.peer == "ours" else f"PyTorch {self.setting}"
        return f"{describe(self.case)} {self.precision}, {name}"

    def key(self):
        return id(self.case), self.precision

    def command(self, options):
        case = self.case
        flags = ["--network", case["network"], "--mode", case["mode"], "--batch", str(case["batch"]), "--input", case["input"]]
        flags += ["--classes", str(case["classes"]), "--threads", str(options.threads), "--device", options.device]
        if self.peer == "ours":
            return [options.ours, *flags, "--setting", self.precision]
        setting = f"{SETTINGS[self.setting][0]}+{self.precision}"
        return [options.python, HERE / "peers/pytorch_cuda.py", *flags, "--lock", options.lock, "--setting", setting]

    def begin(self, options):
        self.began, self.state = time.monotonic(), "preparing"
        compilers = max(1, 2 * options.threads // options.parallel)
        self.process = Process(self.command(options), options.threads, options.patience, compilers)

    def listen(self, options):
        """Whether it has become ready; raises why it will not."""
        if not self.process.answered():
            # Ours compiles nothing that takes long, and others wait for it.
            patience = min(60, options.patience) if self.peer == "ours" else options.patience
            if time.monotonic() - self.began > patience:
                raise Unavailable(f"not ready in {patience:g} s")
            return False
        self.process.greet()
        self.seconds = time.monotonic() - self.began
        if self.process.parameters not in (None, self.case["parameters"]):
            raise Unavailable(f"another network: {self.process.parameters} parameters, not {self.case['parameters']}")
        self.process.patience = min(60, options.patience)
        self.state = "ready"
        return True

    def end(self, state):
        self.state = state
        if self.process:
            self.process.end()
        self.process = None

    def turn(self, seconds, *way):
        """Milliseconds of a step."""
        # What a step takes is known from the last turn, or from two that are thrown away too.
        typical = getattr(self, "typical", None) or self.process.run(2, *way) / 2
        steps = max(5, min(5000, round(seconds / max(typical, 1e-6))))
        self.process.run(max(1, steps // 3), *way)
        self.typical = self.process.run(steps, *way) / steps
        return 1e3 * self.typical


def figures(job):
    """What was found out about a contender."""
    name = "ours" if job.peer == "ours" else job.setting
    return job.case["found"].setdefault(job.precision, {}).setdefault(name, {})


def gone(job):
    return job.process is None or job.process.child.poll() is not None


def pause(job, which):
    try:
        job.process.signal(which)
    except ProcessLookupError:
        pass


def describe(case):
    return f"{case['network']} {case['mode']} {case['batch']}"
