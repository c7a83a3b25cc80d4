"""Figures of cnn-runtime/src/kernels/cross_entropy.rs: `python3 tests/parity/cross_entropy.py` prints them."""
import torch
import torch.nn.functional as F

logits = torch.tensor([[0.5, -1.0, 2.0], [0.25, -0.75, 1.5]], dtype=torch.float64)
labels = torch.tensor([2, 0])
soft = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]], dtype=torch.float64)
print("SMOOTH_0", repr(F.cross_entropy(logits, labels).item()))
print("SMOOTH_1", repr(F.cross_entropy(logits, labels, label_smoothing=0.1).item()))
print("SOFT", repr(F.cross_entropy(logits, soft, label_smoothing=0.1).item()))
