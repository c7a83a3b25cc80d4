//! Networks of the zoo that are one another in another form: the same weights, the same outputs.

use std::collections::BTreeMap;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{StateDict, named_tensors};
use cnn_runtime::{Architecture, zoo};
use cnn_tests::rule;

cnn_runtime::network! {
    pub Grey = cnn_runtime::zoo::ResNet18D2L: 1x32x32;
    pub NormLast = cnn_runtime::zoo::ResNet110CifarBnAfterAdd(n = 1, bottleneck = true): 3x8x8;
    pub ReluLast = cnn_runtime::zoo::ResNet110CifarReluBeforeAdd(n = 1): 3x8x8;
    pub ReluFirst = cnn_runtime::zoo::ResNet110CifarReluOnlyPreact(n = 2, bottleneck = true): 3x8x8;
    pub AllFirst = cnn_runtime::zoo::ResNet110CifarFullPreact(n = 2): 3x8x8;
    pub Lesioned = cnn_runtime::zoo::ResNet56CifarLesion(n = 2, cut = [[1], [0], []]): 3x8x8;
    pub Chances = cnn_runtime::zoo::ResNet110CifarStochasticDepth(n = 1): 3x8x8;
    pub Wide = cnn_runtime::zoo::WRN28_10(depth = 10, k = 2, drop = 0.3): 3x8x8;
    pub Gates = cnn_runtime::zoo::HighwayCNN(width = 4, layers = 1): 3x8x8;
    pub Dense = cnn_runtime::zoo::DenseNet40K12(depth = 7, growth = 3, drop = 0.2): 3x8x8;
    pub Compressed = cnn_runtime::zoo::DenseNetBC100K12(depth = 10, growth = 3, compression = 0.3): 3x8x8;
    pub Paths = cnn_runtime::zoo::ResNeXtBlockA(groups = 3, width = 2);
    pub Early = cnn_runtime::zoo::ResNeXtBlockB(groups = 3, width = 2);
}

/// The typed module and the graph in the engine: the same tensors in the same order, the same outputs for two inputs.
macro_rules! typed_as_planned {
    ($($net:ident: $c:literal x $h:literal x $w:literal),* $(,)?) => { $({
        let graph = <$net>::graph().unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
        let weights = StateDict::<f32>::fill_with(&graph, |name, shape| rule::tensor(name, shape, 1.0)).unwrap();
        let mut net = Cpu::default().build_module::<$net, f32>();
        weights.write_back(&mut net).unwrap();
        assert_eq!(named_tensors(&net), weights.tensors(), stringify!($net));
        let input: Vec<f32> = rule::input(&[2, $c, $h, $w]).into_iter().map(|x| x as f32).collect();
        let images = Cpu::default().tensor_from_vec(input.clone(), (Const::<2>, Const::<$c>, Const::<$h>, Const::<$w>));
        let mut session = Session::new(&graph, &weights, SessionOptions { batch: 2, auxiliary: false }).unwrap();
        let off = apart(session.run(&input).unwrap(), &net.forward(images).as_vec());
        println!("{}: {off:.1e} between the module and the engine", stringify!($net));
        assert!(off < 1e-5, "{}: {off:.1e}", stringify!($net));
    })* };
}

#[test]
fn typed_modules_and_plans_agree() {
    typed_as_planned!(
        Grey: 1 x 32 x 32, NormLast: 3 x 8 x 8, ReluLast: 3 x 8 x 8, ReluFirst: 3 x 8 x 8, AllFirst: 3 x 8 x 8,
        Lesioned: 3 x 8 x 8, Chances: 3 x 8 x 8, Wide: 3 x 8 x 8, Gates: 3 x 8 x 8, Dense: 3 x 8 x 8,
        Compressed: 3 x 8 x 8, Paths: 256 x 6 x 6, Early: 256 x 6 x 6,
    );
}

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// Shapes of all tensors; a counter is a scalar.
fn shapes(graph: &Graph) -> BTreeMap<String, Vec<usize>> {
    graph.tensors().into_iter().map(|(name, tensor)| (name, tensor.shape)).collect()
}

/// The output for two inputs, everything by rule.
fn output(graph: &Graph) -> Vec<f32> {
    let weights = cnn_tests::zoo::weights::<f32>(graph, rule::GAIN);
    let mut session = Session::new(graph, &weights, SessionOptions { batch: 2, auxiliary: false }).unwrap();
    let elements = graph.input_shape().elements();
    let input: Vec<f32> = rule::input(&[2, elements]).into_iter().map(|x| x as f32).collect();
    session.run(&input).unwrap().to_vec()
}

/// How far two outputs are apart, as a part of the largest value.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(x, y)| (x - y).abs() / largest).fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}

/// Xie et al. 2017, figure 3: a sum of paths, paths concatenated early, and groups of a convolution are equivalent.
#[test]
fn three_forms_of_the_resnext_block_agree() {
    let grouped = graph(zoo::ResNeXtBlockC);
    let expected = output(&grouped);
    for (name, source) in [("a", zoo::ResNeXtBlockA), ("b", zoo::ResNeXtBlockB)] {
        let form = graph(source);
        let off = apart(&expected, &output(&form));
        println!("form {name}: {off:.1e} from the grouped form");
        assert!(off < 2e-6, "form {name} is {off:.1e} from the grouped form");
        assert_eq!((form.costs().params, form.costs().macs), (grouped.costs().params, grouped.costs().macs));
    }
}

/// A lesioned network has the tensors of the whole, and computes something else with fewer multiply-adds.
#[test]
fn lesioned_networks_take_the_whole_networks_weights() {
    let whole = graph(zoo::ResNet56Cifar);
    let expected = output(&whole);
    for source in [zoo::ResNet56CifarLesion, zoo::ResNet56CifarLesionDownsample] {
        let lesioned = graph(source);
        assert_eq!(lesioned.names(), whole.names());
        assert_eq!(shapes(&lesioned), shapes(&whole));
        assert_eq!(lesioned.costs().macs + lesioned.costs().aux_macs, whole.costs().macs);
        assert!(apart(&expected, &output(&lesioned)) > 1e-3);
    }
    let uncut = graph(&format!("{}\nWhole = ResNet56CifarLesion(cut = [[], [], []]);", zoo::ResNet56CifarLesion));
    assert_eq!(output(&uncut), expected);
}

/// Without chance of being left out, units are those of the network without stochastic depth.
#[test]
fn stochastic_depth_of_certain_survival_is_none() {
    let certain = "Certain = ResNet110CifarStochasticDepth(n = 3, last = 1.0);";
    let certain = graph(&format!("{}\n{certain}", zoo::ResNet110CifarStochasticDepth));
    let plain = graph(zoo::ResNet20Cifar);
    assert_eq!(output(&certain), output(&plain));
}
