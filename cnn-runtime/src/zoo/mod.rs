//! The classic networks, one file per paper, each written as the paper's table and bearing torchvision's parameter names.
//!
//! A network here is a definition and its source, no type: importing costs what is imported.
//!
//! - As a type, with other arguments or another input: `network! { pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128; }`
//! - Its blocks as words of the language: `network! { use cnn_runtime::zoo::bottleneck; … }`
//! - Ready-made, with the feature of its family (`zoo-resnet`, …; `zoo-all`): the type `cnn_runtime::zoo::ResNet50`.
//! - As a graph at run time: `cnn_lang::load(cnn_runtime::zoo::ResNet18, None)`
//!
//! | file | networks | paper |
//! |---|---|---|
//! | [`lenet`] | `LeNet5`; `LeNet5Paper` as printed | LeCun et al. 1998 |
//! | [`alexnet`] | `AlexNetPaper` with two columns, `AlexNetBN`, `AlexNetD2L`, `AlexNetD2LImageNet`; `AlexNet` of 2014; `ResponseNorm` alone | Krizhevsky et al. 2012, Krizhevsky 2014 |
//! | [`nin`] | `NiND2L`, `NiND2LImageNet` | Lin et al. 2014 |
//! | [`vgg`] | `VGG11`, `VGG13`, `VGG16`, `VGG19`, each with `BN` behind it too; `VGG11D2L`, `VGG11D2LSmall` | Simonyan & Zisserman 2015 |
//! | [`googlenet`] | `GoogLeNet`, `GoogLeNetAux` with auxiliary classifiers, `GoogLeNetPaper` as printed, `GoogLeNetD2L`, `GoogLeNetD2LImageNet`; modules alone: `InceptionNaive`, `InceptionUniform` | Szegedy et al. 2015 |
//! | [`bn_inception`] | `BNInception` | Ioffe & Szegedy 2015 |
//! | [`inception_v3`] | `InceptionV3`, `InceptionV3Aux` with its auxiliary classifier | Szegedy et al. 2016 |
//! | [`inception_v4`] | `InceptionV4`, `InceptionResNetV2` | Szegedy et al. 2017 |
//! | [`highway`] | `HighwayCNN` | Srivastava et al. 2015 |
//! | [`resnet`] | `ResNet18`, `ResNet34`, `ResNet50`, `ResNet101`, `ResNet152`; `Plain18`, `Plain34` without shortcuts | He et al. 2015 |
//! | [`resnet_cifar`] | `ResNet20Cifar`, `ResNet32Cifar`, `ResNet44Cifar`, `ResNet56Cifar`, `ResNet110Cifar`, `ResNet1202Cifar`; `Plain20Cifar`, `Plain56Cifar` | He et al. 2015 |
//! | [`identity_mappings`] | `ResNet110Cifar` and `ResNet164Cifar` with `BnAfterAdd`, `ReluBeforeAdd`, `ReluOnlyPreact` or `FullPreact` behind it, `ResNet164CifarOriginal`, `ResNet1001Cifar` | He et al. 2016 |
//! | [`stochastic_depth`] | `ResNet110CifarStochasticDepth` | Huang et al. 2016 |
//! | [`lesion`] | `ResNet56CifarLesion`, `ResNet56CifarLesionDownsample` | Veit et al. 2016 |
//! | [`wide_resnet`] | `WRN28_10`, `WRN16_4`, `WideResNet50_2`, `WideResNet101_2` | Zagoruyko & Komodakis 2016 |
//! | [`resnext`] | `ResNeXt50_32x4d`, `ResNeXt101_32x8d`, `ResNeXt101_64x4d`; `ResNeXtBlockA`, `ResNeXtBlockB`, `ResNeXtBlockC` | Xie et al. 2017 |
//! | [`resnet_d2l`] | `ResNet18D2L` | Zhang et al. 2023 |
//! | [`densenet`] | `DenseNet121`, `DenseNet161`, `DenseNet169`, `DenseNet201`, `DenseNet264`, `DenseNetK16` | Huang et al. 2017 |
//! | [`densenet_cifar`] | `DenseNet40K12`, `DenseNet100K12`, `DenseNetBC100K12`, `DenseNetBC250K24`, `DenseNetBC190K40` | Huang et al. 2017 |
//! | [`shiftnet`] | `ShiftNetA`, `ShiftNetB` | Wu et al. 2018 |
//! | [`nasnet`] | `NASNetALarge` | Zoph et al. 2018 |
//! | [`mnasnet`] | `MnasNetA1`, `MnasNetB1`; `MnasNetB1Timm` under timm's names | Tan et al. 2019 |
//! | [`mobilenet_v3`] | `MobileNetV3Large`, `MobileNetV3Small` | Howard et al. 2019 |
//! | [`efficientnet`] | `EfficientNetB0` to `EfficientNetB7` | Tan & Le 2019 |
//! | [`efficientnet_tf`] | `TfEfficientNetB0`, `EfficientNetL2`: TensorFlow's padding, timm's names | Tan & Le 2019, Xie et al. 2020 |
//! | [`regnet`] | `RegNetX400MF` to `RegNetX32GF`, `RegNetY400MF` to `RegNetY128GF` | Radosavovic et al. 2020 |
//! | [`bit`] | `BiTR50x1`, `BiTR101x1`, `BiTR50x3`, `BiTR101x3`, `BiTR152x2`, `BiTR152x4` | Kolesnikov et al. 2020 |
//! | [`hrnet`] | `HRNetW18` | Wang et al. 2020 |
//! | [`convnext`] | `ConvNeXtTiny` | Liu et al. 2022 |
//!
//! [`spaces`] are spaces of architectures to be searched. [`scaling`] computes arguments: EfficientNet's compound scaling, also under limits, and RegNet's widths and depths.

pub mod lenet;

pub mod alexnet;

pub mod nin;

pub mod vgg;

pub mod googlenet;

pub mod highway;

pub mod bn_inception;

pub mod inception_v3;

pub mod inception_v4;

pub mod resnet;

pub mod resnet_cifar;

pub mod identity_mappings;

pub mod stochastic_depth;

pub mod lesion;

pub mod wide_resnet;

pub mod resnext;

pub mod resnet_d2l;

pub mod densenet;

pub mod densenet_cifar;
pub mod shiftnet;

pub mod nasnet;

// Above mnasnet, which imports a block of it.
pub mod efficientnet_tf;

pub mod mnasnet;

pub mod mobilenet_v3;

pub mod efficientnet;

pub mod bit;

pub mod regnet;

pub mod hrnet;

pub mod convnext;

pub mod scaling;

pub mod spaces;

pub mod published;

mod types;

pub use alexnet::*;
pub use bit::*;
pub use bn_inception::*;
pub use convnext::*;
pub use densenet::*;
pub use densenet_cifar::*;
pub use efficientnet::*;
pub use efficientnet_tf::*;
pub use googlenet::*;
pub use highway::*;
pub use hrnet::*;
pub use identity_mappings::*;
pub use inception_v3::*;
pub use inception_v4::*;
pub use lenet::*;
pub use lesion::*;
pub use mnasnet::*;
pub use mobilenet_v3::*;
pub use nasnet::*;
pub use nin::*;
pub use regnet::*;
pub use resnet::*;
pub use resnet_cifar::*;
pub use resnet_d2l::*;
pub use resnext::*;
pub use shiftnet::*;
pub use stochastic_depth::*;
pub use vgg::*;
pub use wide_resnet::*;

// Named one by one: what is named stands before what a glob brings, so that a type joins the definition of its name.
#[cfg(feature = "zoo-alexnet")]
pub use types::alexnet::{AlexNet, AlexNetBN, AlexNetD2L, AlexNetD2LImageNet, AlexNetPaper, ResponseNorm};
#[cfg(feature = "zoo-bit")]
pub use types::bit::{BiTR50x1, BiTR50x3, BiTR101x1, BiTR101x3, BiTR152x2, BiTR152x4};
#[cfg(feature = "zoo-inception")]
pub use types::bn_inception::BNInception;
#[cfg(feature = "zoo-convnext")]
pub use types::convnext::ConvNeXtTiny;
#[cfg(feature = "zoo-densenet")]
pub use types::densenet::{DenseNet121, DenseNet161, DenseNet169, DenseNet201, DenseNet264, DenseNetK16};
#[cfg(feature = "zoo-densenet")]
pub use types::densenet_cifar::{DenseNet40K12, DenseNet100K12, DenseNetBC100K12, DenseNetBC190K40, DenseNetBC250K24};
#[cfg(feature = "zoo-efficientnet")]
pub use types::efficientnet::{
    EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3, EfficientNetB4, EfficientNetB5, EfficientNetB6,
    EfficientNetB7,
};
#[cfg(feature = "zoo-efficientnet")]
pub use types::efficientnet_tf::{EfficientNetL2, TfEfficientNetB0};
#[cfg(feature = "zoo-googlenet")]
pub use types::googlenet::{
    GoogLeNet, GoogLeNetAux, GoogLeNetD2L, GoogLeNetD2LImageNet, GoogLeNetPaper, InceptionNaive, InceptionUniform,
};
#[cfg(feature = "zoo-highway")]
pub use types::highway::HighwayCNN;
#[cfg(feature = "zoo-hrnet")]
pub use types::hrnet::HRNetW18;
#[cfg(feature = "zoo-resnet-cifar")]
pub use types::identity_mappings::{
    ResNet110CifarBnAfterAdd, ResNet110CifarFullPreact, ResNet110CifarReluBeforeAdd, ResNet110CifarReluOnlyPreact,
    ResNet164CifarBnAfterAdd, ResNet164CifarFullPreact, ResNet164CifarOriginal, ResNet164CifarReluBeforeAdd,
    ResNet164CifarReluOnlyPreact, ResNet1001Cifar,
};
#[cfg(feature = "zoo-inception")]
pub use types::inception_v3::{InceptionV3, InceptionV3Aux};
#[cfg(feature = "zoo-inception")]
pub use types::inception_v4::{InceptionResNetV2, InceptionV4};
#[cfg(feature = "zoo-lenet")]
pub use types::lenet::{LeNet5, LeNet5Paper};
#[cfg(feature = "zoo-resnet-cifar")]
pub use types::lesion::{ResNet56CifarLesion, ResNet56CifarLesionDownsample};
#[cfg(feature = "zoo-mnasnet")]
pub use types::mnasnet::{MnasNetA1, MnasNetB1, MnasNetB1Timm};
#[cfg(feature = "zoo-mobilenet")]
pub use types::mobilenet_v3::{MobileNetV3Large, MobileNetV3Small};
#[cfg(feature = "zoo-nasnet")]
pub use types::nasnet::NASNetALarge;
#[cfg(feature = "zoo-nin")]
pub use types::nin::{NiND2L, NiND2LImageNet};
#[cfg(feature = "zoo-regnet")]
pub use types::regnet::{
    RegNetX8GF, RegNetX16GF, RegNetX32GF, RegNetX400MF, RegNetX800MF, RegNetX1600MF, RegNetX3200MF, RegNetY8GF,
    RegNetY16GF, RegNetY32GF, RegNetY128GF, RegNetY400MF, RegNetY800MF, RegNetY1600MF, RegNetY3200MF,
};
#[cfg(feature = "zoo-resnet")]
pub use types::resnet::{Plain18, Plain34, ResNet18, ResNet34, ResNet50, ResNet101, ResNet152};
#[cfg(feature = "zoo-resnet-cifar")]
pub use types::resnet_cifar::{
    Plain20Cifar, Plain56Cifar, ResNet20Cifar, ResNet32Cifar, ResNet44Cifar, ResNet56Cifar, ResNet110Cifar,
    ResNet1202Cifar,
};
#[cfg(feature = "zoo-resnet")]
pub use types::resnet_d2l::ResNet18D2L;
#[cfg(feature = "zoo-resnext")]
pub use types::resnext::{
    ResNeXt50_32x4d, ResNeXt101_32x8d, ResNeXt101_64x4d, ResNeXtBlockA, ResNeXtBlockB, ResNeXtBlockC,
};
#[cfg(feature = "zoo-shiftnet")]
pub use types::shiftnet::{ShiftNetA, ShiftNetB};
#[cfg(feature = "zoo-resnet-cifar")]
pub use types::stochastic_depth::ResNet110CifarStochasticDepth;
#[cfg(feature = "zoo-vgg")]
pub use types::vgg::{VGG11, VGG11BN, VGG11D2L, VGG11D2LSmall, VGG13, VGG13BN, VGG16, VGG16BN, VGG19, VGG19BN};
#[cfg(feature = "zoo-wide-resnet")]
pub use types::wide_resnet::{WRN16_4, WRN28_10, WideResNet50_2, WideResNet101_2};

/// Every network: the name by which programs know it, and its source, which stands alone.
pub const ALL: &[(&str, &str)] = &[
    ("lenet5", LeNet5),
    ("lenet5_1998", LeNet5Paper),
    ("alexnet", AlexNet),
    ("alexnet_paper", AlexNetPaper),
    ("alexnet_bn", AlexNetBN),
    ("alexnet_d2l", AlexNetD2L),
    ("alexnet_d2l_rgb1000", AlexNetD2LImageNet),
    ("lrn_block", ResponseNorm),
    ("nin_d2l", NiND2L),
    ("nin_d2l_rgb1000", NiND2LImageNet),
    ("vgg11", VGG11),
    ("vgg13", VGG13),
    ("vgg16", VGG16),
    ("vgg19", VGG19),
    ("vgg11_bn", VGG11BN),
    ("vgg13_bn", VGG13BN),
    ("vgg16_bn", VGG16BN),
    ("vgg19_bn", VGG19BN),
    ("vgg11_d2l", VGG11D2L),
    ("vgg11_d2l_small", VGG11D2LSmall),
    ("googlenet", GoogLeNet),
    ("googlenet_aux", GoogLeNetAux),
    ("highway_cnn", HighwayCNN),
    ("googlenet_v1_paper", GoogLeNetPaper),
    ("googlenet_d2l", GoogLeNetD2L),
    ("googlenet_d2l_rgb1000", GoogLeNetD2LImageNet),
    ("inception_naive_block", InceptionNaive),
    ("inception_module_uniform", InceptionUniform),
    ("bn_inception", BNInception),
    ("inception_v3", InceptionV3),
    ("inception_v3_aux", InceptionV3Aux),
    ("inception_v4", InceptionV4),
    ("inception_resnet_v2", InceptionResNetV2),
    ("resnet18", ResNet18),
    ("resnet34", ResNet34),
    ("resnet50", ResNet50),
    ("resnet101", ResNet101),
    ("resnet152", ResNet152),
    ("plain18_imagenet", Plain18),
    ("plain34_imagenet", Plain34),
    ("resnet20_cifar", ResNet20Cifar),
    ("resnet32_cifar", ResNet32Cifar),
    ("resnet44_cifar", ResNet44Cifar),
    ("resnet56_cifar", ResNet56Cifar),
    ("resnet110_cifar", ResNet110Cifar),
    ("resnet1202_cifar", ResNet1202Cifar),
    ("plain20_cifar", Plain20Cifar),
    ("plain56_cifar", Plain56Cifar),
    ("resnet110_cifar_bn_after_add", ResNet110CifarBnAfterAdd),
    ("resnet110_cifar_relu_before_add", ResNet110CifarReluBeforeAdd),
    ("resnet110_cifar_relu_only_preact", ResNet110CifarReluOnlyPreact),
    ("resnet110_cifar_full_preact", ResNet110CifarFullPreact),
    ("resnet164_cifar_original", ResNet164CifarOriginal),
    ("resnet164_cifar_bn_after_add", ResNet164CifarBnAfterAdd),
    ("resnet164_cifar_relu_before_add", ResNet164CifarReluBeforeAdd),
    ("resnet164_cifar_relu_only_preact", ResNet164CifarReluOnlyPreact),
    ("resnet164_cifar_full_preact", ResNet164CifarFullPreact),
    ("resnet1001_cifar_full_preact", ResNet1001Cifar),
    ("resnet110_cifar_stochdepth_test", ResNet110CifarStochasticDepth),
    ("resnet56_cifar_lesion", ResNet56CifarLesion),
    ("resnet56_cifar_lesion_downsample", ResNet56CifarLesionDownsample),
    ("wrn_28_10", WRN28_10),
    ("wrn_16_4", WRN16_4),
    ("wide_resnet50_2", WideResNet50_2),
    ("wide_resnet101_2", WideResNet101_2),
    ("resnext50_32x4d", ResNeXt50_32x4d),
    ("resnext101_32x8d", ResNeXt101_32x8d),
    ("resnext101_64x4d", ResNeXt101_64x4d),
    ("resnext_block_a", ResNeXtBlockA),
    ("resnext_block_b", ResNeXtBlockB),
    ("resnext_block_c", ResNeXtBlockC),
    ("resnet18_d2l", ResNet18D2L),
    ("densenet121", DenseNet121),
    ("densenet161", DenseNet161),
    ("densenet169", DenseNet169),
    ("densenet201", DenseNet201),
    ("densenet264", DenseNet264),
    ("densenet_k16", DenseNetK16),
    ("densenet_40_k12", DenseNet40K12),
    ("densenet_100_k12", DenseNet100K12),
    ("densenet_bc_100_k12", DenseNetBC100K12),
    ("densenet_bc_250_k24", DenseNetBC250K24),
    ("densenet_bc_190_k40", DenseNetBC190K40),
    ("shiftnet_a", ShiftNetA),
    ("shiftnet_b", ShiftNetB),
    ("nasnet_a_large", NASNetALarge),
    ("mnasnet_a1", MnasNetA1),
    ("mnasnet_b1", MnasNetB1),
    ("mnasnet_b1_timm", MnasNetB1Timm),
    ("mobilenet_v3_large", MobileNetV3Large),
    ("mobilenet_v3_small", MobileNetV3Small),
    ("efficientnet_b0", EfficientNetB0),
    ("efficientnet_b1", EfficientNetB1),
    ("efficientnet_b2", EfficientNetB2),
    ("efficientnet_b3", EfficientNetB3),
    ("efficientnet_b4", EfficientNetB4),
    ("efficientnet_b5", EfficientNetB5),
    ("efficientnet_b6", EfficientNetB6),
    ("efficientnet_b7", EfficientNetB7),
    ("efficientnet_l2", EfficientNetL2),
    ("tf_efficientnet_b0", TfEfficientNetB0),
    ("bit_r50x1", BiTR50x1),
    ("bit_r101x1", BiTR101x1),
    ("bit_r50x3", BiTR50x3),
    ("bit_r101x3", BiTR101x3),
    ("bit_r152x2", BiTR152x2),
    ("bit_r152x4", BiTR152x4),
    ("regnet_x_400mf", RegNetX400MF),
    ("regnet_x_800mf", RegNetX800MF),
    ("regnet_x_1_6gf", RegNetX1600MF),
    ("regnet_x_3_2gf", RegNetX3200MF),
    ("regnet_x_8gf", RegNetX8GF),
    ("regnet_x_16gf", RegNetX16GF),
    ("regnet_x_32gf", RegNetX32GF),
    ("regnet_y_400mf", RegNetY400MF),
    ("regnet_y_800mf", RegNetY800MF),
    ("regnet_y_1_6gf", RegNetY1600MF),
    ("regnet_y_3_2gf", RegNetY3200MF),
    ("regnet_y_8gf", RegNetY8GF),
    ("regnet_y_16gf", RegNetY16GF),
    ("regnet_y_32gf", RegNetY32GF),
    ("regnet_y_128gf", RegNetY128GF),
    ("hrnet_w18", HRNetW18),
    ("convnext_tiny", ConvNeXtTiny),
];

/// Every block that the papers' files export: its name, and its source, which stands alone.
pub const BLOCKS: &[(&str, &str)] = &[
    ("highway", highway::highway!()),
    ("basic", resnet::basic!()),
    ("bottleneck", resnet::bottleneck!()),
    ("dense_layer", densenet::dense_layer!()),
    ("dense_block", densenet::dense_block!()),
    ("transition", densenet::transition!()),
    ("mlpconv", nin::mlpconv!()),
    ("basic_conv", googlenet::basic_conv!()),
    ("inception", googlenet::inception!()),
    ("inception_plain", googlenet::inception_plain!()),
    ("vgg", vgg::vgg!()),
    ("vgg_head", vgg::vgg_head!()),
    ("csc", shiftnet::csc!()),
    ("x_block", regnet::x_block!()),
    ("convnext_block", convnext::convnext_block!()),
];
