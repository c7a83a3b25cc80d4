//! Parameters, multiply-adds, memory, receptive fields and the layer table.

mod common;

use cnn_lang::graph::{Costs, Graph};
use common::{body, graph};

/// Input, chain, then parameters, buffers, multiply-adds, bytes of activations.
const LAYERS: &[(&str, &str, [u64; 4])] = &[
    ("3x8x8", "conv(4, 3)", [4 * 3 * 9 + 4, 0, 4 * 36 * 27, 4 * 36 * 4]),
    ("3x8x8", "conv(4, 1x3, bias = false)", [4 * 3 * 3, 0, 4 * 8 * 6 * 9, 4 * 48 * 4]),
    ("4x8x8", "conv(6, 3, groups = 2, pad = 1)", [6 * 2 * 9 + 6, 0, 6 * 64 * 18, 6 * 64 * 4]),
    ("4x8x8", "dwconv(3, pad = 1, multiplier = 2)", [8 * 9 + 8, 0, 8 * 64 * 9, 8 * 64 * 4]),
    // A table of connections is stored as a full convolution; its multiply-adds are those of the connections.
    ("2x4x4", "conv(2, 1, connect = [[0], [0, 1]])", [2 * 2 + 2, 0, 16 * 3, 2 * 16 * 4]),
    ("5", "linear(7)", [5 * 7 + 7, 0, 35, 28]),
    ("5x2x2", "linear(7, bias = false, pixelwise = true)", [35, 0, 35 * 4, 28 * 4]),
    ("5x2x2", "bn", [10, 11, 0, 80]),
    ("5x2x2", "bn(affine = false)", [0, 11, 0, 80]),
    ("6x2x2", "gn(3)", [12, 0, 0, 96]),
    ("6x2x2", "ln", [12, 0, 0, 96]),
    ("6x2x2", "prelu", [1, 0, 0, 96]),
    ("6x2x2", "prelu(true)", [6, 0, 0, 96]),
    ("6x2x2", "affine", [12, 0, 0, 96]),
    ("6x2x2", "affine(bias = false)", [6, 0, 0, 96]),
    ("6x2x2", "affine(bias = false, bare = true)", [6, 0, 0, 96]),
    ("6x4x4", "maxpool(2)", [0, 0, 0, 6 * 4 * 4]),
    ("6x4x4", "add { relu; tanh; }", [0, 0, 0, 3 * 6 * 16 * 4]),
];

#[test]
fn layers() {
    for (input, chain, [params, buffers, macs, activations]) in LAYERS {
        let expected =
            Costs { params: *params, buffers: *buffers, macs: *macs, aux_macs: 0, activations: *activations };
        assert_eq!(body(input, chain).costs(), expected, "{input} {chain}");
    }
}

#[test]
fn auxiliary_outputs_count_apart() {
    let plain = graph("N: 3x8x8 -> 5; body conv(4, 1); head gap -> linear(5);").costs();
    let both = graph("N: 3x8x8 -> 5; body conv(4, 1) -> aux { gap -> linear(5) }; head gap -> linear(5);").costs();
    assert_eq!(both.aux_macs, 4 * 5);
    assert_eq!((both.macs, both.activations), (plain.macs, plain.activations));
    assert_eq!(both.params, plain.params + 4 * 5 + 5);
}

const RESNET50: &str = "
    block bottleneck(out, stride = 1) {
        let width = out / 4;
        add {
            { conv1: conv(width, 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
              -> conv3: conv(out, 1, bias = false) -> bn3: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }
    R(stride_in_3x3 = true): 3x224x224 -> 1000;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu -> maxpool(3, stride = 2, pad = 1);
    body layer1: { bottleneck(256) * 3 } @ 256x56x56;
         layer2: { bottleneck(512, 2) -> bottleneck(512) * 3 } @ 512x28x28;
         layer3: { bottleneck(1024, 2) -> bottleneck(1024) * 5 } @ 1024x14x14;
         layer4: { bottleneck(2048, 2) -> bottleneck(2048) * 2 } @ 2048x7x7;
    head gap -> fc: linear(1000);";

const VGG16: &str = "
    V: 3x224x224 -> 1000;
    body features: {
        for (convs, channels) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)] {
            { conv(channels, 3, pad = 1) -> relu } * convs -> maxpool(2)
        }
    };
    head flatten -> classifier: { { linear(4096) -> relu -> dropout } * 2 -> linear(1000) };";

fn field(net: &Graph, last: &str) -> [u64; 2] {
    let node = net.nodes.iter().rposition(|node| net.path(node.scope) == last).expect("the layer");
    net.receptive_fields()[node].expect("no layer that sees everything").size
}

/// Sizes as published for torchvision's models; fields as in Araujo et al., "Computing receptive fields", 2019.
#[test]
fn networks_of_papers() {
    let resnet = graph(RESNET50);
    let costs = resnet.costs();
    assert_eq!((costs.params, costs.macs, costs.buffers), (25_557_032, 4_089_184_256, 53_120 + 53));
    // 427 up to the last 3×3, whose stride is in the 3×3 itself; the paper's variant has 483.
    assert_eq!(field(&resnet, "layer4.2.conv3"), [427, 427]);
    let stride_first = RESNET50
        .replace("conv1: conv(width, 1, bias", "conv1: conv(width, 1, stride, bias")
        .replace("conv(width, 3, stride, pad", "conv(width, 3, pad");
    assert_eq!(field(&graph(&stride_first), "layer4.2.conv3"), [483, 483]);
    let vgg = graph(VGG16);
    assert_eq!((vgg.costs().params, vgg.costs().macs), (138_357_544, 15_470_264_320));
    assert_eq!(field(&vgg, "features.30"), [212, 212]);
    assert_eq!(vgg.receptive_fields().last(), Some(&None), "a linear layer sees the whole input");
}

#[test]
fn receptive_fields_grow_by_dilation_and_join_by_the_widest() {
    let size = |chain: &str| {
        let net = body("3x64x64", chain);
        net.receptive_fields().pop().flatten().map(|field| (field.size, field.jump))
    };
    assert_eq!(size("conv(4, 3)"), Some(([3, 3], [1, 1])));
    assert_eq!(size("conv(4, 3, dilation = 2) -> conv(4, 3)"), Some(([7, 7], [1, 1])));
    assert_eq!(size("maxpool(2) -> conv(4, 1x3)"), Some(([2, 6], [2, 2])));
    assert_eq!(size("concat { conv(4, 5, pad = 2); conv(4, 1); }"), Some(([5, 5], [1, 1])));
    assert_eq!(size("gap"), None);
}

const TABLE: &str = "\
layer                operation    output   parameters  multiply-adds
                     input        3x16x16
conv1                conv 3x3 /2  8x8x8           216         13,824
bn1                  bn           8x8x8            16
stem.0               relu         8x8x8
layer1.0.0           identity     8x8x8
layer1.0.conv        conv 3x3     8x8x8           576         36,864
layer1.0             add          8x8x8
layer1.1 … layer1.3  3 × unit(8)  8x8x8         1,728        110,592
layer1.4.0           identity     8x8x8
layer1.4.conv        conv 3x3     16x8x8        1,152         73,728
layer1.4             concat       24x8x8
head.0               gap          24
fc                   linear       10              250            240

3,938 parameters, 235,248 multiply-adds, 17 buffers, 43,144 bytes of activations a sample
";

#[test]
fn the_table_folds_runs_of_equal_blocks() {
    let net = graph(
        "block unit(out, join = true) {
            if join { add { identity; conv: conv(out, 3, pad = 1, bias = false); } }
            else { concat { identity; conv: conv(out, 3, pad = 1, bias = false); } }
        }
        N: 3x16x16 -> 10;
        stem conv1: conv(8, 3, stride = 2, pad = 1, bias = false) -> bn1: bn -> relu;
        body layer1: { unit(8) -> unit(8) * 3 -> unit(16, join = false) };
        head gap -> fc: linear(10);",
    );
    assert_eq!(net.table(), TABLE);
}
