//! The classic networks, one file per paper, each written as the paper's table and bearing torchvision's parameter names.
//!
//! A network here is a definition and its source, no type: importing costs what is imported.
//!
//! - As a type, with other arguments or another input: `network! { pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128; }`
//! - Its blocks as words of the language: `network! { use cnn_runtime::zoo::bottleneck; … }`
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
//! | [`resnet`] | `ResNet18`, `ResNet34`, `ResNet50`, `ResNet101`, `ResNet152` | He et al. 2015 |
//! | [`resnet_cifar`] | `ResNet20Cifar`, `ResNet32Cifar`, `ResNet44Cifar`, `ResNet56Cifar`, `ResNet110Cifar`, `ResNet1001Cifar` | He et al. 2015, 2016 |
//! | [`densenet`] | `DenseNet121`, `DenseNet161`, `DenseNet169`, `DenseNet201` | Huang et al. 2017 |
//! | [`mobilenet_v3`] | `MobileNetV3Large`, `MobileNetV3Small` | Howard et al. 2019 |
//! | [`efficientnet`] | `EfficientNetB0` | Tan & Le 2019 |
//! | [`bit`] | `BiTR50x1`, `BiTR101x1`, `BiTR50x3`, `BiTR101x3`, `BiTR152x2`, `BiTR152x4` | Kolesnikov et al. 2020 |
//! | [`regnet`] | `RegNetX400MF` | Radosavovic et al. 2020 |

pub mod lenet;

pub mod alexnet;

pub mod nin;

pub mod vgg;

pub mod googlenet;

pub mod bn_inception;

pub mod inception_v3;

pub mod inception_v4;

pub mod resnet;

pub mod resnet_cifar;

pub mod densenet;

pub mod mobilenet_v3;

pub mod efficientnet;

pub mod bit;

pub mod regnet;

pub use alexnet::*;
pub use bit::*;
pub use bn_inception::*;
pub use densenet::*;
pub use efficientnet::*;
pub use googlenet::*;
pub use inception_v3::*;
pub use inception_v4::*;
pub use lenet::*;
pub use mobilenet_v3::*;
pub use nin::*;
pub use regnet::*;
pub use resnet::*;
pub use resnet_cifar::*;
pub use vgg::*;

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
    ("resnet20_cifar", ResNet20Cifar),
    ("resnet32_cifar", ResNet32Cifar),
    ("resnet44_cifar", ResNet44Cifar),
    ("resnet56_cifar", ResNet56Cifar),
    ("resnet110_cifar", ResNet110Cifar),
    ("resnet1001_cifar_full_preact", ResNet1001Cifar),
    ("densenet121", DenseNet121),
    ("densenet161", DenseNet161),
    ("densenet169", DenseNet169),
    ("densenet201", DenseNet201),
    ("mobilenet_v3_large", MobileNetV3Large),
    ("mobilenet_v3_small", MobileNetV3Small),
    ("efficientnet_b0", EfficientNetB0),
    ("bit_r50x1", BiTR50x1),
    ("bit_r101x1", BiTR101x1),
    ("bit_r50x3", BiTR50x3),
    ("bit_r101x3", BiTR101x3),
    ("bit_r152x2", BiTR152x2),
    ("bit_r152x4", BiTR152x4),
    ("regnet_x_400mf", RegNetX400MF),
];

/// Every block that the papers' files export: its name, and its source, which stands alone.
pub const BLOCKS: &[(&str, &str)] = &[
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
    ("x_block", regnet::x_block!()),
];
