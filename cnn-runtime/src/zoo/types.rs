//! Ready-made types of the zoo's networks, behind a feature for each family: rustc compiles what is asked for only.
//!
//! A type stands at the path of its definition: with `zoo-resnet`, `zoo::ResNet50` is the source, the definition that other
//! macros import, and the module.
//!
//! `cargo check` of this crate takes 2.5 s of processor time without them, 4.2 s with `zoo-resnet` (eight networks), 83 s and 5 GB
//! with `zoo-all`. A network of one's own crate, `network! { pub Net = cnn_runtime::zoo::ResNet50; }`, costs itself alone.

/// The types of a file, next to the definitions of the same names.
macro_rules! types {
    ($($feature:literal $file:ident { $($name:ident),+ $(,)? })+) => {
        $(
            #[cfg(feature = $feature)]
            pub mod $file {
                $(crate::network! { pub $name = crate::zoo::$file::$name; })+
            }
        )+
    };
}

types! {
    "zoo-lenet" lenet { LeNet5, LeNet5Paper }
    "zoo-alexnet" alexnet { AlexNet, AlexNetPaper, AlexNetBN, AlexNetD2L, AlexNetD2LImageNet, ResponseNorm }
    "zoo-nin" nin { NiND2L, NiND2LImageNet }
    "zoo-vgg" vgg { VGG11, VGG13, VGG16, VGG19, VGG11BN, VGG13BN, VGG16BN, VGG19BN, VGG11D2L, VGG11D2LSmall }
    "zoo-googlenet" googlenet { GoogLeNet, GoogLeNetAux, GoogLeNetPaper, GoogLeNetD2L, GoogLeNetD2LImageNet, InceptionNaive, InceptionUniform }
    "zoo-highway" highway { HighwayCNN }
    "zoo-inception" bn_inception { BNInception }
    "zoo-inception" inception_v3 { InceptionV3, InceptionV3Aux }
    "zoo-inception" inception_v4 { InceptionV4, InceptionResNetV2 }
    "zoo-resnet" resnet { ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, Plain18, Plain34 }
    "zoo-resnet" resnet_d2l { ResNet18D2L }
    "zoo-resnet-cifar" resnet_cifar { ResNet20Cifar, ResNet32Cifar, ResNet44Cifar, ResNet56Cifar, ResNet110Cifar, ResNet1202Cifar, Plain20Cifar, Plain56Cifar }
    "zoo-resnet-cifar" identity_mappings { ResNet110CifarBnAfterAdd, ResNet110CifarReluBeforeAdd, ResNet110CifarReluOnlyPreact, ResNet110CifarFullPreact, ResNet164CifarOriginal, ResNet164CifarBnAfterAdd, ResNet164CifarReluBeforeAdd, ResNet164CifarReluOnlyPreact, ResNet164CifarFullPreact, ResNet1001Cifar }
    "zoo-resnet-cifar" stochastic_depth { ResNet110CifarStochasticDepth }
    "zoo-resnet-cifar" lesion { ResNet56CifarLesion, ResNet56CifarLesionDownsample }
    "zoo-wide-resnet" wide_resnet { WRN28_10, WRN16_4, WideResNet50_2, WideResNet101_2 }
    "zoo-resnext" resnext { ResNeXt50_32x4d, ResNeXt101_32x8d, ResNeXt101_64x4d, ResNeXtBlockA, ResNeXtBlockB, ResNeXtBlockC }
    "zoo-densenet" densenet { DenseNet121, DenseNet161, DenseNet169, DenseNet201, DenseNet264, DenseNetK16 }
    "zoo-densenet" densenet_cifar { DenseNet40K12, DenseNet100K12, DenseNetBC100K12, DenseNetBC250K24, DenseNetBC190K40 }
    "zoo-shiftnet" shiftnet { ShiftNetA, ShiftNetB }
    "zoo-nasnet" nasnet { NASNetALarge }
    "zoo-mnasnet" mnasnet { MnasNetA1, MnasNetB1, MnasNetB1Timm }
    "zoo-mobilenet" mobilenet_v3 { MobileNetV3Large, MobileNetV3Small }
    "zoo-efficientnet" efficientnet { EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3, EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7 }
    "zoo-efficientnet" efficientnet_tf { EfficientNetL2, TfEfficientNetB0 }
    "zoo-bit" bit { BiTR50x1, BiTR101x1, BiTR50x3, BiTR101x3, BiTR152x2, BiTR152x4 }
    "zoo-regnet" regnet { RegNetX400MF, RegNetX800MF, RegNetX1600MF, RegNetX3200MF, RegNetX8GF, RegNetX16GF, RegNetX32GF, RegNetY400MF, RegNetY800MF, RegNetY1600MF, RegNetY3200MF, RegNetY8GF, RegNetY16GF, RegNetY32GF, RegNetY128GF }
    "zoo-hrnet" hrnet { HRNetW18 }
    "zoo-convnext" convnext { ConvNeXtTiny }
}
