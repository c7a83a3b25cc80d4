//! Networks that were searched for or scaled as typed modules against PyTorch, in 32 bits.

use dfdx::shapes::Rank4;

cnn_tests::eager_zoo! { "mobile":
    efficientnet_b0: EfficientNetB0 3x64x64 Rank4<2, 3, 64, 64>;
    efficientnet_b1: EfficientNetB1 3x64x64 Rank4<2, 3, 64, 64>;
    efficientnet_b4: EfficientNetB4 3x64x64 Rank4<2, 3, 64, 64>;
    efficientnet_b6: EfficientNetB6 3x64x64 Rank4<2, 3, 64, 64>;
    mnasnet_b1: MnasNetB1 3x64x64 Rank4<2, 3, 64, 64>;
    mnasnet_b1_timm: MnasNetB1Timm 3x64x64 Rank4<2, 3, 64, 64>;
    mobilenet_v3_small: MobileNetV3Small 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_x_1_6gf: RegNetX1600MF 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_x_400mf: RegNetX400MF 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_x_8gf: RegNetX8GF 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_y_3_2gf: RegNetY3200MF 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_y_400mf: RegNetY400MF 3x64x64 Rank4<2, 3, 64, 64>;
    regnet_y_800mf: RegNetY800MF 3x64x64 Rank4<2, 3, 64, 64>;
    shiftnet_a: ShiftNetA 3x64x64 Rank4<2, 3, 64, 64>;
    tf_efficientnet_b0: TfEfficientNetB0 3x64x64 Rank4<2, 3, 64, 64>;
}
