"""A peer's process: stopped unless it is its turn, so whatever its idle threads would do, they do not."""
import os
import select
import selectors
import signal
import subprocess
import tempfile


class Unavailable(Exception):
    """Why a peer has no figures for a case."""


class Process:
    def __init__(self, command, threads, patience, compilers=1):
        allowed = sorted(os.sched_getaffinity(0))[:threads]
        variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = os.environ | {variable: str(threads) for variable in variables}
        # On the CPU none: compilers in processes of their own would count for nobody.
        environment["TORCHINDUCTOR_COMPILE_THREADS"] = str(compilers)
        self.patience, self.buffer = patience, b""
        self.errors = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment, start_new_session=True
        )  # fmt: skip
        # Before it has threads, so all of them inherit it.
        os.sched_setaffinity(self.child.pid, allowed)

    def greet(self):
        """Waits until it has built its network, and stops it."""
        try:
            kind, *rest = self.answer()
            if kind == "refused":
                raise Unavailable(" ".join(rest))
            self.parameters = None if rest[0] == "-" else int(rest[0])
            self.signal(signal.SIGSTOP)
        except BaseException:
            self.end()
            raise

    def answered(self):
        """Whether it has said something, or ended, since it was last listened to."""
        return b"\n" in self.buffer or bool(select.select([self.child.stdout], [], [], 0)[0])

    def ask(self, request):
        """The answer's words; the process runs for as long as it takes."""
        self.signal(signal.SIGCONT)
        self.child.stdin.write(request.encode() + b"\n")
        self.child.stdin.flush()
        answer = self.answer()
        self.signal(signal.SIGSTOP)
        return answer[1:]

    def times(self, steps):
        return [float(seconds) for seconds in self.ask(f"steps {steps}")]

    def run(self, steps, *way):
        """Seconds of so many steps, one behind the other."""
        return float(self.ask(" ".join(["run", str(steps), *way]))[0])

    def memory(self):
        before, now, peak, planned = map(int, self.ask("memory"))
        return {"now": now - before, "peak": peak - before, "peak_with_libraries": peak, "planned": planned or None}

    def end(self):
        if self.child.poll() is None:
            self.signal(signal.SIGKILL)
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.errors):
            pipe.close()

    def signal(self, which):
        os.killpg(self.child.pid, which)

    def answer(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(self.patience):
                    raise Unavailable(f"no answer in {self.patience:g} s")
                read = os.read(self.child.stdout.fileno(), 1 << 16)
                if not read:
                    raise Unavailable(self.last_words())
                self.buffer += read
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode().split()

    def last_words(self):
        self.child.wait()
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors.read().splitlines() if line.strip()]
        # Python's and Rust's errors; a backtrace may follow.
        errors = [line for line in lines if "rror: " in line] or lines or ["nothing on stderr"]
        return f"exit status {self.child.returncode}: {errors[-1]}"
