//! Residual networks as typed modules against PyTorch, in 32 bits.

use cnn_runtime::prelude::*;
use cnn_tests::typed::Expected;

cnn_tests::eager_zoo! { "residual":
    bit_r50x1: BiTR50x1 3x64x64 Rank4<2, 3, 64, 64>;
    highway_cnn: HighwayCNN 3x32x32 Rank4<2, 3, 32, 32>;
    plain18_imagenet: Plain18 3x64x64 Rank4<2, 3, 64, 64>;
    plain20_cifar: Plain20Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet1001_cifar_full_preact: ResNet1001Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet101: ResNet101 3x64x64 Rank4<2, 3, 64, 64>;
    resnet110_cifar: ResNet110Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet110_cifar_bn_after_add: ResNet110CifarBnAfterAdd 3x32x32 Rank4<2, 3, 32, 32>;
    resnet110_cifar_full_preact: ResNet110CifarFullPreact 3x32x32 Rank4<2, 3, 32, 32>;
    resnet110_cifar_relu_before_add: ResNet110CifarReluBeforeAdd 3x32x32 Rank4<2, 3, 32, 32>;
    resnet110_cifar_stochdepth_test: ResNet110CifarStochasticDepth 3x32x32 Rank4<2, 3, 32, 32>;
    resnet164_cifar_original: ResNet164CifarOriginal 3x32x32 Rank4<2, 3, 32, 32>;
    resnet164_cifar_relu_before_add: ResNet164CifarReluBeforeAdd 3x32x32 Rank4<2, 3, 32, 32>;
    resnet164_cifar_relu_only_preact: ResNet164CifarReluOnlyPreact 3x32x32 Rank4<2, 3, 32, 32>;
    resnet18: ResNet18 3x64x64 Rank4<2, 3, 64, 64>;
    resnet18_d2l: ResNet18D2L 1x96x96 Rank4<2, 1, 96, 96>;
    resnet20_cifar: ResNet20Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet32_cifar: ResNet32Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet50: ResNet50 3x64x64 Rank4<2, 3, 64, 64>;
    resnet56_cifar: ResNet56Cifar 3x32x32 Rank4<2, 3, 32, 32>;
    resnet56_cifar_lesion: ResNet56CifarLesion 3x32x32 Rank4<2, 3, 32, 32>;
    resnext50_32x4d: ResNeXt50_32x4d 3x64x64 Rank4<2, 3, 64, 64>;
    resnext_block_b: ResNeXtBlockB 256x6x6 Rank4<2, 256, 6, 6>;
    resnext_block_c: ResNeXtBlockC 256x6x6 Rank4<2, 256, 6, 6>;
    wrn_16_4: WRN16_4 3x32x32 Rank4<2, 3, 32, 32>;
}

cnn_runtime::network! { pub ResNet1202Cifar = cnn_runtime::zoo::ResNet1202Cifar; }

/// Recorded with the statistics of the batch: with running ones its numbers leave what 32 bits hold.
#[test]
fn resnet1202_cifar_in_training() {
    let mut net = Cpu::default().build_module::<ResNet1202Cifar, f32>();
    let expected = Expected::<Rank4<2, 3, 32, 32>>::of("resnet1202_cifar");
    let images = expected.prepare(&mut net);
    let logits = net.forward_mut(images.traced(net.alloc_grads()));
    expected.check(&[("logits", logits.as_vec())]);
}
