//! The spaces as types.

crate::search_space! { pub CifarSmall = crate::zoo::spaces::cifar_small::CifarSmall; }
crate::search_space! { pub NasBench201 = crate::zoo::spaces::nas_bench_201::NasBench201; }
crate::search_space! { pub MnasNetSpace = crate::zoo::spaces::mnasnet::MnasNetSpace; }
crate::search_space! { pub NASNetCells = crate::zoo::spaces::nasnet::NASNetCells; }
crate::search_space! { pub AnyNet = crate::zoo::spaces::regnet::AnyNet; }
