//! What came over the borders of crates builds, runs, and is what its author defined.

use architectures::prelude::*;
use architectures::{Graph, weights};
use stranger::{imports, names, order};

/// Builds the module, compares it with its graph, runs it on an image: parameters and names come back.
macro_rules! built {
    ($net:ty, $c:literal x $h:literal x $w:literal) => {{
        let device = Cpu::seed_from_u64(0);
        let net = device.build_module::<$net, f32>();
        let graph = <$net>::graph().expect("the source that a network carries stands alone");
        assert_eq!(weights::names(&net), names_of(&graph), "module and graph bear the same names");
        assert_eq!(graph.costs().params, <$net>::PARAMS);
        let _ = net.forward(device.sample_normal::<Rank4<2, $c, $h, $w>>());
        println!("{}: {} parameters, {:?}", <$net>::NAME, <$net>::PARAMS, weights::names(&net));
        (<$net>::PARAMS, weights::names(&net))
    }};
}

fn names_of(graph: &Graph) -> Vec<String> {
    graph.tensors().into_iter().map(|(name, _)| name).collect()
}

/// Parameters of a convolution without bias and the batch normalisation behind it.
const fn conv_bn(from: u64, to: u64, kernel: u64) -> u64 {
    from * to * kernel * kernel + 2 * to
}

#[test]
fn blocks_arrive_by_every_road() {
    let (params, names) = built!(imports::Roads, 3 x 16 x 16);
    let branches = [conv_bn(6, 4, 1), conv_bn(6, 4, 1) + conv_bn(4, 4, 3), conv_bn(6, 2, 1) + 2 * conv_bn(2, 2, 3)];
    let inception = branches.iter().sum::<u64>() + conv_bn(6, 2, 1);
    let double = conv_bn(12, 8, 3) + conv_bn(8, 8, 3);
    assert_eq!(params, conv_bn(3, 8, 3) + (8 * 6 + 6) + inception + double + (8 * 4 + 4));
    assert_eq!(names[0], "stem.0.conv.weight");
    assert!(names.contains(&"mixed.branch3.2.bn.running_var".to_owned()), "labels of a block stay its author's");
}

#[test]
fn definitions_three_deep_and_instances_of_instances() {
    let body = conv_bn(4, 8, 3) + 3 * conv_bn(8, 8, 3) + conv_bn(8, 8, 5);
    let stem = 3 * 4 * 9 + 4;
    let (seven, names) = built!(imports::Tiny, 3 x 16 x 16);
    assert_eq!(seven, stem + body + (8 * 7 + 7));
    assert_eq!(names[2], "async_.0.0.conv.weight", "a number for each block call on the way");
    let (three, _) = built!(imports::Small, 3 x 8 x 8);
    assert_eq!(three, stem + body + (8 * 3 + 3));
    assert_eq!(built!(bricks::typed::Small, 3 x 16 x 16).0, three, "a typed network of the older edition");
    assert_eq!(imports::hidden_params(), stem + body + (8 * 2 + 2));
}

#[test]
fn paths_inside_one_crate() {
    let shared = 9 * 4 + 4;
    let (parent, _) = built!(imports::family::Parent, 1 x 8 x 8);
    assert_eq!(parent, shared + (4 * 4 + 4) + (256 * 2 + 2));
    assert_eq!(built!(imports::family::child::Child, 1 x 8 x 8).0, parent + 257);
    assert_eq!(built!(imports::family::child::Other, 1 x 8 x 8).0, 4 + (2 * 9 * 2 + 2) + (128 * 2 + 2));
}

#[test]
fn equal_names_are_kept_apart() {
    let (left, _) = built!(imports::twins::left::Twin, 1 x 4 x 4);
    let (right, _) = built!(imports::twins::right::Twin, 1 x 4 x 4);
    assert_eq!((left, right), (20 + 66, 4 + 4 + 66));
    assert_eq!(built!(imports::twins::Left, 1 x 4 x 4).0, left);
    assert_eq!(built!(imports::twins::Right, 1 x 4 x 4).0, right);
    assert_eq!(built!(imports::twins::Both, 1 x 4 x 4).0, 20 + (6 + 4) + 38 + 66);
    assert_eq!(built!(names::equal::First, 1 x 4 x 4).0 + 65, built!(names::equal::Second, 1 x 4 x 4).0);
    assert_eq!(names::equal::First(), 1, "a function of the type's name");
}

#[test]
fn networks_inside_functions() {
    assert_eq!(imports::inside_a_function(), (18 + 2) + 9 + (192 * 2 + 2));
    assert_eq!(imports::inside_a_function(), imports::inside_another_function());
}

#[test]
fn definitions_may_stand_below_their_use() {
    assert_eq!(built!(order::Early, 1 x 4 x 4).0, 20 + 9 + (48 * 2 + 2));
    assert_eq!(built!(order::Before, 1 x 4 x 4).0, built!(order::After, 1 x 4 x 4).0);
}

#[test]
fn hostile_names() {
    let unit = 4 * 4 + 4;
    let (params, _) = built!(names::shadowed::Net, 1 x 4 x 4);
    assert_eq!(params, 40 + 8 + 4 * unit + (64 * 2 + 2) + (4 * 2 + 2));
    built!(names::bare::Net, 1 x 4 x 4);
    let (_, labels) = built!(names::labels::Labels, 1 x 4 x 4);
    assert!(labels.contains(&"cnn_runtime.weight".to_owned()) && labels.contains(&"a-b c.bias".to_owned()));
    let same = built!(names::types::a::E, 1 x 4 x 4).0;
    for params in [
        built!(names::types::b::D, 1 x 4 x 4).0,
        built!(names::types::c::B, 1 x 4 x 4).0,
        built!(names::types::d::V, 1 x 4 x 4).0,
        built!(names::types::f::E2, 1 x 4 x 4).0,
        built!(names::types::h::Tensor, 1 x 4 x 4).0,
        built!(names::types::q::cnn_runtime, 1 x 4 x 4).0,
        built!(names::types::s::f32, 1 x 4 x 4).0,
        built!(names::types::w5::r#type, 1 x 4 x 4).0,
        built!(names::types::w6::r#gen, 1 x 4 x 4).0,
    ] {
        assert_eq!(params, same);
    }
    let device = Cpu::default();
    let x = device.sample_normal::<Rank4<1, 1, 4, 4>>();
    let same = device.build_module::<names::idle::Idle, f32>().forward(x.clone());
    assert_eq!(same.as_vec(), x.as_vec());
}

#[test]
fn a_tensor_in_the_middle_of_a_run_of_blocks() {
    // Blocks 0 to 3 are equal and follow one another, but the join reads what block 2 made.
    let device = Cpu::seed_from_u64(3);
    let mut net = device.build_module::<names::shadowed::Net, f32>();
    let x = device.sample_normal::<Rank4<2, 1, 4, 4>>();
    assert_eq!(net.body._0.len(), 4);
    let logits = net.forward(x.clone());
    let (again, _) = net.forward_aux(x.clone());
    assert_eq!(logits.as_vec(), again.as_vec());
    let gradients = net.alloc_grads();
    let (logits, (aux,)) = net.forward_mut(x.traced(gradients));
    println!("logits {:?}, auxiliary {:?}", logits.as_vec(), aux.as_vec());
}
