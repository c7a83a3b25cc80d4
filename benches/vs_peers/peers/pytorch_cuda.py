"""PyTorch on a graphics processor, or on the CPU to try this out. A step is `resident`, with images that lie there, or `fed`: they
come from pinned memory of the host, and in inference the logits go back. Settings, joined by `+`:

    eager, compiled, graphs (compiled with mode="reduce-overhead"), frozen (compiled, constants folded), and a precision: bf16 or
    f16 (autocast in training, f16 with a scaled loss; weights in inference), tf32 or f32

All have channels last, cuDNN's search for the fastest algorithm, and an optimizer in one kernel.
"""
import contextlib
import fcntl

import torch
from torch.nn.functional import cross_entropy

import networks
import protocol

# Steps until nothing is compiled, recorded or searched for any more.
WARM_UP = 4


def synchronise():
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def memory():
    """What the allocator holds, now and at most since the warm-up; kernels and the context are not in it."""
    if not torch.cuda.is_initialized():
        return 0, 0, 0, 0
    return 0, torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved(), 0


@contextlib.contextmanager
def alone(lock):
    """While no other process that has the lock computes on the device: what is fastest is being found out."""
    if lock is None:
        yield
        return
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        synchronise()


def prepare(options):
    setting = options.setting.split("+")
    device = torch.device(options.device)
    on_gpu, tf32 = device.type == "cuda", "tf32" in setting
    half = torch.bfloat16 if "bf16" in setting else torch.float16 if "f16" in setting else None
    if on_gpu:
        torch.cuda.set_device(device)
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    if "frozen" in setting:
        from torch._inductor import config

        config.freezing = True
    host = (torch.rand(options.batch, *options.input) * 2 - 1).contiguous(memory_format=torch.channels_last)
    host_labels = torch.arange(options.batch) % options.classes
    if on_gpu:
        host, host_labels = host.pin_memory(), host_labels.pin_memory()
    # Weights of a training stay f32: others have too few digits for small steps.
    dtype = half if half and not options.train else torch.float32
    arrived, labels = host.to(device), host_labels.to(device)
    images = arrived.to(dtype)

    def feed():
        # Bytes are moved first: a copy that changes the type does so on the host.
        arrived.copy_(host, non_blocking=True)
        if images is not arrived:
            images.copy_(arrived)

    def cast():
        return torch.autocast(device.type, half) if half and options.train else contextlib.nullcontext()

    compiles = bool({"compiled", "graphs", "frozen"} & set(setting))

    def compiled(function):
        if not compiles:
            return function
        return torch.compile(function, mode="reduce-overhead" if "graphs" in setting else "default", dynamic=False)

    def begin():
        # Graphs' memory of the last step may be used again.
        if "graphs" in setting:
            torch.compiler.cudagraph_mark_step_begin()

    def build():
        model = networks.build(options.network, options.classes).train(options.train)
        model = model.to(device, dtype).to(memory_format=torch.channels_last)
        with alone(options.lock):
            search(model)
        ways = (training if options.train else inference)(model)
        # Compilers take their time here.
        for step in ways.values():
            step()
        with alone(options.lock):
            for rounds in (WARM_UP, 2):
                for step in ways.values():
                    for _ in range(rounds):
                        step()
                synchronise()
                if on_gpu and rounds == WARM_UP:
                    # What searching took is given back, and does not count.
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
        return ways, networks.parameters(model)

    def search(model):
        """A step without a compiler: cuDNN tries its algorithms, and remembers the fastest for whoever asks for the same."""
        if options.train:
            with cast():
                loss = cross_entropy(model(images), labels)
            loss.backward()
            model.zero_grad(set_to_none=True)
        else:
            with torch.no_grad():
                model(images)

    def inference(model):
        forward = compiled(model)

        def resident():
            begin()
            # Inductor folds constants under `no_grad` only.
            with torch.no_grad() if compiles else torch.inference_mode():
                return forward(images)

        def fed():
            feed()
            resident().cpu()

        return {"resident": resident, "fed": fed}

    def training(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-9, momentum=0.9, fused=True)
        scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

        def loss(images, labels):
            with cast():
                return cross_entropy(model(images), labels)

        forward = compiled(loss)

        def resident():
            begin()
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(forward(images, labels)).backward()
            scaler.step(optimizer)
            scaler.update()

        def fed():
            feed()
            labels.copy_(host_labels, non_blocking=True)
            resident()

        return {"resident": resident, "fed": fed}

    return build


if __name__ == "__main__":
    protocol.serve(prepare, synchronise, memory)
