"""Writes a network of `networks` as ONNX: onnx_export.py NETWORK CLASSES BATCHxCxHxW OUTPUT. Prints the number of its parameters."""
import os
import sys
import warnings

import torch

import networks
from protocol import Refused


def export(model, images, path):
    names = {"input_names": ["images"], "output_names": ["logits"]}
    warnings.simplefilter("ignore")
    try:
        torch.onnx.export(model, (images,), path, opset_version=17, dynamo=False, **names)
    except (TypeError, ValueError, AttributeError):
        # PyTorch without the older exporter; this one wants onnxscript.
        torch.onnx.export(model, (images,), path, dynamo=True, external_data=False, **names)


def main():
    name, classes, shape, path = sys.argv[1:]
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.manual_seed(1)
    try:
        model = networks.build(name, int(classes)).eval()
    except Refused as reason:
        return print("refused", reason, file=output)
    export(model, torch.rand([int(size) for size in shape.split("x")]) * 2 - 1, path)
    print("ready", networks.parameters(model), file=output)


if __name__ == "__main__":
    main()
