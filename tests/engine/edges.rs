//! Networks at the edges of what kernels are made for: less than a vector, a tile or a window, and more than fits.

/// What is at the edge, and the network.
pub const EDGES: &[(&str, &str)] = &[
    (
        "images of one number",
        "N: 1x1x1 -> 2; stem conv(1, 1) -> bn -> relu -> conv(3, 3, pad = 1); head flatten -> linear(2);",
    ),
    (
        "one channel all the way",
        "N: 1x9x7 -> 2; stem conv(1, 3, pad = 1) -> bn -> relu; body dwconv(3, pad = 1) -> conv(1, 1); head flatten -> linear(2);",
    ),
    (
        "one row, one column",
        "N: 5x1x33 -> 3; stem conv(17, [1, 7], pad = [0, 3]) -> bn -> silu -> conv(3, [1, 33]); head flatten -> linear(3);",
    ),
    (
        "strides beyond the window",
        "N: 3x13x11 -> 3; stem conv(5, 2, stride = 5) -> relu; body conv(18, 1, stride = 3); head flatten -> linear(3);",
    ),
    (
        "strides beyond the image",
        "N: 3x5x5 -> 3; stem conv(9, 3, stride = 9, pad = 1) -> tanh -> conv(20, 5, stride = 7, pad = 2); head flatten -> linear(3);",
    ),
    (
        "dilation beyond the image",
        "N: 4x6x6 -> 3; stem conv(7, 3, pad = 5, dilation = 5) -> relu -> conv(16, [3, 2], pad = [4, 3], dilation = [4, 6]); head gap -> linear(3);",
    ),
    (
        "mostly padding",
        "N: 2x2x2 -> 3; stem conv(18, 7, pad = 6) -> relu -> conv(3, 5, stride = 3, pad = 4); head gap -> linear(3);",
    ),
    (
        "odd groups",
        "N: 15x6x5 -> 3; stem conv(21, 3, pad = 1, groups = 3) -> relu -> conv(35, 1, groups = 7) -> conv(5, 3, groups = 5, pad = 1); head gap -> linear(3);",
    ),
    (
        "one group short of a vector",
        "N: 34x5x5 -> 3; stem conv(34, 3, pad = 1, groups = 2) -> bn -> conv(51, 3, groups = 17, stride = 2); head gap -> linear(3);",
    ),
    (
        "depthwise, odd and strided",
        "N: 33x9x8 -> 3; stem dwconv(3, stride = 2, pad = 1) -> bn -> relu6 -> dwconv(5, stride = 3, pad = 4, dilation = 2) -> dwconv(1); head gap -> linear(3);",
    ),
    (
        "depthwise that multiplies",
        "N: 7x8x8 -> 3; stem dwconv(3, pad = 1, multiplier = 3) -> relu -> dwconv(3, pad = 1, multiplier = 2); head gap -> linear(3);",
    ),
    (
        "a window of more taps than have a place",
        "N: 3x14x14 -> 3; stem conv(6, 13, pad = 6) -> relu -> dwconv(13, pad = 6) -> maxpool(9, stride = 1, pad = 4) -> avgpool(9, stride = 2, pad = 4); head gap -> linear(3);",
    ),
    (
        "odd numbers of channels, concatenated",
        "N: 3x7x7 -> 3; stem conv(5, 1); body concat { conv(3, 3, pad = 1); identity; { conv(1, 1) -> bn -> relu }; maxpool(3, stride = 1, pad = 1); } -> concat { dwconv(3, pad = 1); { gn(2) -> conv(7, 1) }; } -> bn -> relu -> conv(2, 3); head flatten -> linear(3);",
    ),
    (
        "parts of what is concatenated, read again",
        "N: 3x6x6 -> 3; stem conv(5, 1) -> bn -> relu; body concat { identity; conv(3, 3, pad = 1); } -> concat { identity; { bn -> relu -> conv(3, 3, pad = 1) }; } -> concat { identity; { bn -> relu -> conv(3, 3, pad = 1) }; } -> lrn(3); head gap -> linear(3);",
    ),
    (
        "activations behind convolutions",
        "N: 3x6x6 -> 3; stem conv(17, 3, pad = 1) -> relu6 -> conv(17, 1) -> leaky(0.1) -> conv(17, 1) -> sigmoid -> conv(17, 1) -> tanh -> conv(17, 1) -> silu -> conv(17, 1) -> hswish -> conv(17, 1) -> hsigmoid -> conv(17, 1) -> gelu -> dwconv(3, pad = 1) -> gelu -> dwconv(3) -> leaky -> conv(4, 1) -> prelu; head gap -> linear(3);",
    ),
    (
        "activations behind sums",
        "N: 6x5x5 -> 3; stem conv(6, 1); body add { identity; conv(6, 3, pad = 1); } -> gelu -> add { { conv(6, 1) -> bn }; identity; } -> hswish -> add { maxpool(3, stride = 1, pad = 1); avgpool(3, stride = 1, pad = 1); identity; } -> silu; head gap -> linear(3);",
    ),
    (
        "activations behind norms",
        "N: 5x5x5 -> 3; stem conv(19, 1) -> bn -> relu6 -> conv(19, 1) -> bn -> leaky -> conv(19, 1) -> bn -> sigmoid -> conv(19, 1) -> bn -> tanh -> conv(19, 1) -> bn -> silu -> conv(19, 1) -> bn -> hswish -> conv(19, 1) -> bn -> hsigmoid -> conv(19, 1) -> bn -> gelu; head gap -> linear(3);",
    ),
    (
        "norms of more pixels than a chunk and fewer than four",
        "N: 3x11x13 -> 3; stem conv(37, 3, pad = 1) -> ln -> conv(36, 1) -> gn(4) -> gelu; body concat { ln; gn(18); { conv(19, 1) -> gn(1) -> affine }; } -> add { identity; { ln -> affine }; } -> ln -> gn(13) -> maxpool(6); head avgpool([1, 2]) -> ln -> flatten -> gn(7) -> linear(3);",
    ),
    (
        "windows over more channels than there are, and maps that move out of sight",
        "N: 3x9x7 -> 3; stem conv(19, 1) -> lrn(4, alpha = 0.5, beta = 0.6) -> lrn(1, beta = 0.5) -> lrn(41, alpha = 2.0); body concat { { shift(3) -> lrn(2, alpha = 0.3) }; { shift([3, 5], dilation = [2, 4]) -> pad([2, -3, -1, 2]) -> pad([-2, 3, 1, -2]) }; shift([1, 7], dilation = 9); } -> add { identity; { shift -> pad([9, -9, 0, 0]) }; } -> conv(5, 1, std = true); head gap -> linear(3);",
    ),
    (
        "layers of the reference kernels",
        "N: 6x5x5 -> 3; stem conv(6, 3, pad = 1) -> lrn(5) -> gn(3) -> ln -> softmax -> prelu(per_channel = true) -> adaptive_avgpool([2, 3]) -> pad(1) -> shift; head flatten -> ln -> linear(5) -> softmax -> linear(3);",
    ),
    (
        "gates right behind norms",
        "N: 5x6x6 -> 3; stem conv(19, 1) -> bn -> silu -> mul { identity; { gap -> linear(4) -> relu -> linear(19) -> sigmoid }; }; body conv(16, 3, pad = 1) -> bn -> mul { { adaptive_avgpool(1) -> conv(16, 1) -> hsigmoid }; identity; } -> dwconv(3, pad = 1) -> bn(affine = false) -> relu -> mul { identity; { gap -> linear(16) -> sigmoid }; } -> conv(16, 6) -> bn -> silu -> mul { identity; { adaptive_avgpool(1) -> conv(16, 1) -> sigmoid }; }; head gap -> linear(3);",
    ),
    (
        "activations behind sums of norms",
        "N: 5x6x6 -> 3; stem conv(19, 1) -> bn; body add { identity; { conv(19, 1) -> bn }; } -> tanh -> add { { conv(19, 3, pad = 1) -> bn }; identity; } -> leaky(0.1) -> add { { dwconv(3, pad = 1) -> bn(affine = false) }; identity; } -> relu6 -> add { { conv(19, 1) -> bn }; identity; } -> silu; head gap -> linear(3);",
    ),
    (
        "gates",
        "N: 5x6x6 -> 3; stem conv(35, 1); body mul { identity; { gap -> linear(4) -> relu -> linear(35) -> sigmoid }; } -> conv(35, 1, groups = 35) -> mul { { gap -> linear(35) -> hsigmoid }; identity; }; head gap -> linear(3);",
    ),
    (
        "auxiliary outputs",
        "N: 3x9x9 -> 3; stem conv(7, 3) -> relu -> aux { gap -> linear(3) } -> maxpool(2) -> aux { conv(2, 1) -> flatten -> linear(3) } -> conv(9, 3); head flatten -> linear(3);",
    ),
    (
        "pooling that leaves something over",
        "N: 19x7x8 -> 3; stem conv(19, 1) -> maxpool(3, stride = 2, ceil = true) -> avgpool(2, stride = 2, pad = 1, ceil = true, count_pad = false) -> maxpool(2, stride = 3); head flatten -> linear(3);",
    ),
    (
        "vectors only",
        "N: 130x1x1 -> 3; stem flatten -> linear(65) -> relu -> linear(1) -> tanh -> linear(19) -> gelu; head linear(3);",
    ),
];
