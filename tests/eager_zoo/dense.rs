//! Dense and high-resolution networks as typed modules against PyTorch, in 32 bits.

use dfdx::shapes::Rank4;

cnn_tests::eager_zoo! { "dense":
    densenet121: DenseNet121 3x64x64 Rank4<2, 3, 64, 64>;
    densenet161: DenseNet161 3x64x64 Rank4<2, 3, 64, 64>;
    densenet201: DenseNet201 3x64x64 Rank4<2, 3, 64, 64>;
    densenet_40_k12: DenseNet40K12 3x32x32 Rank4<2, 3, 32, 32>;
    densenet_bc_100_k12: DenseNetBC100K12 3x32x32 Rank4<2, 3, 32, 32>;
    densenet_bc_190_k40: DenseNetBC190K40 3x32x32 Rank4<2, 3, 32, 32>;
    densenet_k16: DenseNetK16 3x64x64 Rank4<2, 3, 64, 64>;
    hrnet_w18: HRNetW18 3x64x64 Rank4<2, 3, 64, 64>;
}
