"""What a machine with a graphics processor says of itself."""
import os
import platform
import subprocess
import sys


def query(*words):
    """Lines of nvidia-smi; none where it is not there."""
    try:
        command = ["nvidia-smi", *words, "--format=csv,noheader,nounits"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


def index_of(device):
    return device.partition(":")[2] or "0"


def memory_of(device):
    """MiB that contenders may take, or None where nothing is known."""
    lines = query("--query-gpu=memory.total,memory.used", "-i", index_of(device)) if device != "cpu" else []
    try:
        total, used = map(int, lines[0].split(","))
        return 0.95 * (total - used)
    except (IndexError, ValueError):
        return None


def machine(options):
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    found = {"processor": processor, "cores": os.cpu_count(), "system": platform.platform(), "device": options.device}
    lines = query("--query-gpu=name,driver_version", "-i", index_of(options.device)) if options.device != "cpu" else []
    if lines:
        found["gpu"], found["driver"] = [word.strip() for word in lines[0].split(",")]
    code = "import torch, torchvision; print(torch.__version__, torchvision.__version__, torch.version.cuda, torch.backends.cudnn.version())"
    words = subprocess.run([options.python, "-c", code], stdout=subprocess.PIPE, text=True).stdout.split()
    if len(words) != 4:
        sys.exit(f"{options.python} has no PyTorch with torchvision")
    return found | dict(zip(("pytorch", "torchvision", "cuda", "cudnn"), words))
