"""Operations of the language that PyTorch has in other words."""
import torch
import torch.nn.functional as F


def standardized(weight):
    """Weight standardisation (Qiao et al. 2019): each filter with mean 0 and biased variance 1, eps 1e-8."""
    var, mean = torch.var_mean(weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
    return (weight - mean) / torch.sqrt(var + 1e-8)


def connected(weight, table):
    """Zero where the table of input channels has no entry."""
    mask = torch.zeros(weight.shape[:2], dtype=weight.dtype)
    for out, inputs in enumerate(table):
        mask[out, inputs] = 1
    return weight * mask[:, :, None, None]


def same(x, kernel, stride, dilation=(1, 1), value=0.0):
    """TensorFlow's padding: ceil(size / stride) outputs, the odd zero behind."""
    sides = []
    for axis in (1, 0):
        size = x.shape[2 + axis]
        extent = dilation[axis] * (kernel[axis] - 1) + 1
        total = max((-(-size // stride[axis]) - 1) * stride[axis] + extent - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides, value=value)


def layer_norm(x, weight, bias, eps=1e-5):
    """Over the channels, of every pixel on a map."""
    if x.dim() == 2:
        return F.layer_norm(x, x.shape[1:], weight, bias, eps)
    return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], weight, bias, eps).permute(0, 3, 1, 2)


def shift(x, kernel, dilation=(1, 1)):
    """Groups of channels by the offsets of the window, row by row; the last channels, left over, stay (Wu et al. 2017)."""
    (kh, kw), (dh, dw) = kernel, dilation
    height, width = x.shape[2:]
    each = x.shape[1] // (kh * kw)
    top, left = kh // 2 * dh, kw // 2 * dw
    padded = F.pad(x, (left, kw * dw, top, kh * dh))
    parts = []
    for j in range(kh * kw):
        y, z = j // kw * dh, j % kw * dw
        parts.append(padded[:, j * each:(j + 1) * each, y:y + height, z:z + width])
    parts.append(x[:, each * kh * kw:])
    return torch.cat(parts, 1)


def shuffle(x, groups):
    """Channels as groups x C/groups, transposed (Zhang et al. 2017)."""
    batch, channels = x.shape[:2]
    rest = x.shape[2:]
    return x.reshape(batch, groups, channels // groups, *rest).transpose(1, 2).reshape(batch, channels, *rest)


def affine(x, weight, bias=None):
    """Of every channel."""
    sides = [1, -1] + [1] * (x.dim() - 2)
    y = x * weight.reshape(sides)
    return y if bias is None else y + bias.reshape(sides)
