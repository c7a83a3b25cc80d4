"""ONNX Runtime on the file of --onnx."""
import numpy
import onnxruntime

import protocol


def prepare(options):
    if options.train:
        raise protocol.Refused("ONNX Runtime infers only")
    images = numpy.random.default_rng(1).uniform(-1, 1, (options.batch, *options.input)).astype(numpy.float32)

    def build():
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(options.onnx, settings, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"images": images}), None

    return build


if __name__ == "__main__":
    protocol.serve(prepare)
