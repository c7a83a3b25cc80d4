//! The size rules, as tables; and that they are PyTorch's.

mod common;

use common::output;
use proptest::prelude::*;

fn size(input: &str, chain: &str) -> String {
    output(input, chain).map_or_else(|error| error, |shape| shape.to_string())
}

const SIZES: &[(&str, &str, &str)] = &[
    ("3x32x32", "conv(8, 3)", "8x30x30"),
    ("3x32x32", "conv(8, 3, pad = 1)", "8x32x32"),
    ("3x32x32", "conv(8, 3, 2, 1)", "8x16x16"),
    ("3x33x33", "conv(8, 3, 2, 1)", "8x17x17"),
    ("3x32x30", "conv(8, 1x3)", "8x32x28"),
    ("3x32x32", "conv(8, [3, 5], stride = [2, 1], pad = [1, 2])", "8x16x32"),
    ("3x32x32", "conv(8, 3, dilation = 2)", "8x28x28"),
    ("3x32x32", "conv(8, 3, dilation = 1x4)", "8x30x24"),
    ("3x32x32", "conv(8, 3, pad = [0, 1, 2, 3])", "8x31x35"),
    ("3x32x32", "conv(8, 3, pad = same)", "8x32x32"),
    ("3x32x32", "conv(8, 4, pad = same)", "8x32x32"),
    ("3x33x31", "conv(8, 3, stride = 2, pad = same)", "8x17x16"),
    ("3x33x31", "conv(8, 7, stride = 3, pad = same, dilation = 2)", "8x11x11"),
    ("3x9x9", "conv(8, 1, stride = 4, pad = same)", "8x3x3"),
    ("6x8x8", "dwconv(3, pad = 1)", "6x8x8"),
    ("6x8x8", "dwconv(3, stride = 2, pad = 1, multiplier = 2)", "12x4x4"),
    ("6x8x8", "linear(5, pixelwise = true)", "5x8x8"),
    ("6", "linear(5)", "5"),
    ("6x8x8", "bn -> relu -> dropout -> identity -> ln -> gn(3)", "6x8x8"),
    ("6", "bn -> relu -> ln -> gn(2) -> softmax", "6"),
    ("6x8x8", "maxpool(2)", "6x4x4"),
    ("6x9x9", "maxpool(2)", "6x4x4"),
    ("6x9x9", "maxpool(2, ceil = true)", "6x5x5"),
    ("6x8x8", "maxpool(3, stride = 2, pad = 1)", "6x4x4"),
    ("6x8x8", "maxpool(3, stride = 2, dilation = 2)", "6x2x2"),
    ("6x7x7", "avgpool(3, stride = 2, pad = same)", "6x4x4"),
    ("6x7x7", "avgpool(2, stride = 3, ceil = true)", "6x3x3"),
    // The window that would begin in the padding behind does not count.
    ("6x3x3", "maxpool(2, stride = 3, pad = 1, ceil = true)", "6x2x2"),
    ("6x4x4", "avgpool(1, stride = 4, ceil = true)", "6x1x1"),
    ("6x7x5", "adaptive_avgpool(3)", "6x3x3"),
    ("6x7x5", "adaptive_avgpool(7x9)", "6x7x9"),
    ("6x7x5", "gap", "6"),
    ("6x7x5", "flatten", "210"),
    ("6", "flatten", "6"),
    ("6x7x5", "pad(1)", "6x9x7"),
    ("6x7x5", "pad([1, 2, 3, 4])", "6x10x12"),
    ("6x7x5", "pad([-1, -2])", "6x5x1"),
    ("6x7x5", "pad([-3, -3, 0, -1])", "6x1x4"),
    ("6x7x5", "zero(2)", "6x4x3"),
    ("6", "zero", "6"),
    ("6x7x5", "subsample(3)", "6x3x2"),
    ("6x7x5", "shift(5, dilation = 2)", "6x7x5"),
    ("6x7x5", "shuffle(3)", "6x7x5"),
    ("6x7x5", "upsample(2)", "6x14x10"),
    ("6x7x5", "upsample([1, 3], mode = bilinear)", "6x7x15"),
    ("6x7x5", "scale(-0.5) -> affine", "6x7x5"),
    ("6x7x5", "pad_channels(10)", "10x7x5"),
    ("6x7x5", "pad_channels(10, before = 4)", "10x7x5"),
    ("6x7x5", "select(2, 5)", "3x7x5"),
    ("6", "select(0, 6)", "6"),
    ("6x7x5", "add { identity; relu; }", "6x7x5"),
    ("6x7x5", "concat { identity; conv(2, 1); relu; }", "14x7x5"),
    ("6", "concat { identity; linear(4); }", "10"),
    ("6x7x5", "mul { identity; adaptive_avgpool(1); }", "6x7x5"),
    ("6x7x5", "mul { gap; identity; }", "6x7x5"),
    ("6x7x5", "mul { conv(1, 1); identity; }", "6x7x5"),
    ("6x7x5", "mul { adaptive_avgpool(1x5); adaptive_avgpool(7x1); }", "6x7x5"),
    ("6", "mul { identity; linear(1); }", "6"),
    ("6x7x5", "add { relu; }", "6x7x5"),
    ("6x7x5", "add { { relu -> conv(6, 1) }; if in.channels != 6 { conv(6, 1); } }", "6x7x5"),
];

#[test]
fn sizes() {
    for (input, chain, expected) in SIZES {
        assert_eq!(size(input, chain), *expected, "{input} {chain}");
    }
}

const FAULTS: &[(&str, &str, &str)] = &[
    (
        "3x4x9",
        "conv(8, 5)",
        "conv's window covers 5 of the height, but its input 4x9 has 4 | make the kernel at most 4, add padding, or shrink the input less before it",
    ),
    (
        "3x9x4",
        "conv(8, 3, dilation = 2)",
        "conv's window covers 5 of the width (kernel 3 with dilation 2), but its input 9x4 has 4 | make the kernel at most 2, add padding, or shrink the input less before it",
    ),
    (
        "3x4x4",
        "conv(8, 9, pad = 2)",
        "conv's window covers 9 of the height, but its input 4x4 has 4 plus 4 of padding | make the kernel at most 8, add padding, or shrink the input less before it",
    ),
    ("6x4x4", "conv(8, 1, groups = 4)", "4 groups do not divide 6 input channels | nearest that divide: 1, 2"),
    ("6x4x4", "conv(8, 1, groups = 3)", "3 groups do not divide 8 output channels | nearest that divide: 1, 2"),
    (
        "6x4x4",
        "conv(2, 1, connect = [[0, 1], [6]])",
        "the connection table names input channel 6, but 6 arrive | channels are counted from 0: the last is 5",
    ),
    (
        "6x4x4",
        "conv(3, 1, connect = [[0, 1], [5]])",
        "the connection table has 2 rows for 3 output channels | give every output channel the list of input channels that it sees",
    ),
    (
        "6x4x4",
        "maxpool(3, pad = 2)",
        "padding 2 is more than half of the window of 3, so some windows would see only padding | pad at most 1",
    ),
    ("6x4x4", "gn(4)", "4 groups do not divide 6 channels | nearest that divide: 2, 3, 6"),
    ("6x4x4", "pad(-2)", "padding -2 and -2 leaves nothing of the height 4 | crop at most 3 in all"),
    (
        "6x4x4",
        "pad_channels(8, before = 3)",
        "pad_channels makes 8 channels, fewer than the 6 that arrive with 3 in front | write `pad_channels(9)` or more",
    ),
    ("6x4x4", "select(2, 8)", "select takes channels 2..8 of 6 | the first channel is 0 and the end is at most 6"),
    ("6x4x4", "select(3, 3)", "select takes channels 3..3 of 6 | the first channel is 0 and the end is at most 6"),
    (
        "6x4x4",
        "upsample(2, align_corners = true)",
        "align_corners means something for `mode = bilinear` only | write `mode = bilinear`, or leave align_corners out",
    ),
    (
        "6",
        "gap",
        "gap needs a feature map, but a vector of 6 arrives | move it in front of the gap, flatten or linear that made the vector",
    ),
    ("6x4x4", "upsample(1M)", "upsample would make a tensor of 6x4000000x4000000, over 2^40 numbers"),
    ("1000000x1x1", "conv(2000000, 1)", "conv's weight would be [2000000, 1000000, 1, 1], over 2^40 numbers"),
    (
        "6x4x4",
        "add { conv(8, 1); conv(6, 1); }",
        "add joins 8x4x4 and 6x4x4 | give the shortcut of 8x4x4 a projection: conv(6, 1)",
    ),
    (
        "6x4x4",
        "add { conv(6, 3); conv(6, 1); }",
        "add joins 6x2x2 and 6x4x4 | give the shortcut of 6x4x4 a projection: conv(6, 1, stride = 2)",
    ),
    (
        "6x9x9",
        "add { conv(6, 3); conv(6, 1); }",
        "add joins 6x7x7 and 6x9x9 | keep the size on the way to 6x7x7: `pad = same`, or crop 6x9x9",
    ),
    (
        "6x7x5",
        "concat { relu; gap -> linear(6); }",
        "concat joins a feature map of 6x7x5 and a vector of 6 | all branches must be feature maps or all vectors: put gap or flatten in one of them",
    ),
    (
        "6x9x9",
        "mul { conv(5, 1); identity; }",
        "mul joins 5x9x9 and 6x9x9 | sizes must be equal or 1 on each axis: adaptive_avgpool(1) makes C x 1 x 1",
    ),
];

#[test]
fn faults() {
    for (input, chain, expected) in FAULTS {
        let found = size(input, chain);
        let message = found.split_once(' ').map_or("", |(_, message)| message);
        assert_eq!(message, *expected, "{input} {chain}");
    }
}

/// PyTorch's own formula and its correction for `ceil_mode`, as documented for `MaxPool2d`, in floats as it is printed.
fn pytorch(size: i64, pad: i64, kernel: i64, stride: i64, dilation: i64, ceil: bool) -> i64 {
    let quotient = (size + 2 * pad - dilation * (kernel - 1) - 1) as f64 / stride as f64;
    let count = (if ceil { quotient.ceil() } else { quotient.floor() }) as i64 + 1;
    if ceil && (count - 1) * stride >= size + pad { count - 1 } else { count }
}

proptest! {
    #[test]
    fn windows_are_those_of_pytorch(
        size in 1i64..40, kernel in 1i64..7, stride in 1i64..6, dilation in 1i64..4, ceil: bool, pad in 0i64..4,
    ) {
        let extent = dilation * (kernel - 1) + 1;
        prop_assume!(2 * pad <= extent && size + 2 * pad >= extent);
        let chain = format!("maxpool({kernel}, {stride}, {pad}, {dilation}, {ceil})");
        let expected = pytorch(size, pad, kernel, stride, dilation, ceil);
        prop_assert_eq!(square(size, &chain), format!("1x{expected}x{expected}"));
    }

    #[test]
    fn same_is_the_input_by_the_stride(size in 1i64..40, kernel in 1i64..8, stride in 1i64..6, dilation in 1i64..4) {
        let chain = format!("conv(1, {kernel}, {stride}, same, {dilation})");
        let expected = (size + stride - 1) / stride;
        prop_assert_eq!(square(size, &chain), format!("1x{expected}x{expected}"));
    }
}

fn square(side: i64, chain: &str) -> String {
    size(&format!("1x{side}x{side}"), chain)
}
