//! Inception and what came before it as typed modules against PyTorch, in 32 bits.

use cnn_runtime::prelude::*;
use cnn_tests::typed::Expected;

cnn_tests::eager_zoo! { "inception":
    alexnet_d2l: AlexNetD2L 1x224x224 Rank4<2, 1, 224, 224>;
    bn_inception: BNInception 3x64x64 Rank4<2, 3, 64, 64>;
    googlenet: GoogLeNet 3x64x64 Rank4<2, 3, 64, 64>;
    googlenet_aux: GoogLeNetAux 3x64x64 Rank4<2, 3, 64, 64>;
    googlenet_d2l: GoogLeNetD2L 1x96x96 Rank4<2, 1, 96, 96>;
    googlenet_v1_paper: GoogLeNetPaper 3x224x224 Rank4<2, 3, 224, 224>;
    inception_naive_block: InceptionNaive 16x12x12 Rank4<2, 16, 12, 12>;
    inception_v3: InceptionV3 3x96x96 Rank4<2, 3, 96, 96>;
    inception_v4: InceptionV4 3x96x96 Rank4<2, 3, 96, 96>;
    lenet5: LeNet5 1x28x28 Rank4<2, 1, 28, 28>;
    lenet5_1998: LeNet5Paper 1x32x32 Rank4<2, 1, 32, 32>;
    lrn_block: ResponseNorm 3x8x8 Rank4<2, 3, 8, 8>;
    nin_d2l: NiND2L 1x224x224 Rank4<2, 1, 224, 224>;
    vgg11_d2l_small: VGG11D2LSmall 1x64x64 Rank4<2, 1, 64, 64>;
}

/// The classifiers beside the stem, which [`Module::forward`] leaves out.
#[test]
fn auxiliary_outputs_of_googlenet_v1_paper() {
    let mut net = Cpu::default().build_module::<GoogLeNetPaper, f32>();
    let expected = Expected::<Rank4<2, 3, 224, 224>>::of("googlenet_v1_paper");
    let images = expected.prepare(&mut net);
    let (logits, (aux1, aux2)) = net.forward_aux(images);
    expected.check(&[("logits", logits.as_vec()), ("aux1", aux1.as_vec()), ("aux2", aux2.as_vec())]);
}
