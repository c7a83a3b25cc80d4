//! ONNX files: read again, they are sound models of their networks. What they compute is compared by
//! parity/onnx_runtime.py, with ONNX Runtime at hand.

use std::collections::{BTreeSet, HashMap, HashSet};

use cnn_lang::graph::{Graph, LAYERS, Op};
use cnn_runtime::Architecture;
use cnn_runtime::export::onnx::proto::{
    AttributeType, DataLocation, DataType, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto, TypeValue,
    ValueInfoProto,
};
use cnn_runtime::export::onnx::{self, IR_VERSION, OPSET, OnnxError, Options};
use cnn_runtime::weights::StateDict;
use cnn_tests::every_layer::EveryLayer;
use cnn_tests::random_graph::{LARGEST, random_source};
use cnn_tests::rule;
use prost::Message;

const EVERY_FORM: &str = include_str!("parity/every_form.cnn");
const ALL: Options = Options { batch: None, fold_batch_norm: true, auxiliary: true, inline: Options::INLINE };
const KEPT: Options = Options { fold_batch_norm: false, ..ALL };

fn load(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|mistakes| panic!("{}\n{source}", mistakes[0].message))
}

fn weights(graph: &Graph) -> StateDict<f32> {
    StateDict::fill_with(graph, |name, shape| rule::tensor(name, shape, 1.0)).unwrap()
}

/// The model of a network with weights by the rule.
fn export(graph: &Graph, options: Options) -> GraphProto {
    let bytes = onnx::to_bytes(graph, &weights(graph), options).unwrap();
    let model = ModelProto::decode(&*bytes).unwrap();
    assert_eq!(model.encode_to_vec(), bytes, "nothing is lost in reading");
    assert_eq!((model.ir_version, model.producer_name.as_str()), (IR_VERSION, "cnn-runtime"));
    let opsets: Vec<_> = model.opset_import.iter().map(|opset| (opset.domain.as_str(), opset.version)).collect();
    assert_eq!(opsets, [("", OPSET)]);
    model.graph.unwrap()
}

/// The model of these layers alone on an input of 4x8x8.
fn of_steps(steps: &str) -> GraphProto {
    // The output's size is what the compiler says it is.
    let mistakes = cnn_lang::load(&format!("Net: 4x8x8 -> 999999; stem {steps};"), None).unwrap_err();
    let mut words = mistakes[0].message.split(|c: char| !(c.is_ascii_digit() || c == 'x'));
    let size = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && *word != "999999");
    let size = size.unwrap_or_else(|| panic!("{steps}: {}", mistakes[0].message));
    export(&load(&format!("Net: 4x8x8 -> {size}; stem {steps};")), KEPT)
}

fn elements(tensor: &TensorProto) -> usize {
    tensor.dims.iter().map(|&n| usize::try_from(n).unwrap()).product()
}

fn floats(graph: &GraphProto, name: &str) -> Vec<f32> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"));
    tensor.raw_data.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn kinds(graph: &GraphProto) -> Vec<&str> {
    graph.node.iter().map(|node| node.op_type.as_str()).collect()
}

fn ints<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    &node.attribute.iter().find(|attribute| attribute.name == name).unwrap_or_else(|| panic!("no {name}")).ints
}

fn sizes(info: &ValueInfoProto) -> Vec<String> {
    let Some(TypeValue::TensorType(tensor)) = &info.r#type.as_ref().unwrap().value else { panic!("no tensor") };
    let size = |value: &DimensionValue| match value {
        DimensionValue::DimValue(size) => size.to_string(),
        DimensionValue::DimParam(name) => name.clone(),
    };
    tensor.shape.as_ref().unwrap().dim.iter().map(|dim| size(dim.value.as_ref().unwrap())).collect()
}

/// Names are unique, values are made before they are read, constants are as long as their sizes say and all are used.
fn sound(model: &GraphProto, graph: &Graph, source: &str) {
    let tensors: HashMap<String, Vec<usize>> =
        graph.tensors().into_iter().map(|(name, tensor)| (name, tensor.shape)).collect();
    let (mut known, mut names) = (HashSet::new(), HashSet::new());
    for input in &model.input {
        assert!(known.insert(&input.name), "{}\n{source}", input.name);
    }
    for tensor in &model.initializer {
        assert!(known.insert(&tensor.name), "{} twice\n{source}", tensor.name);
        let each = if tensor.data_type == i32::from(DataType::Float) { 4 } else { 8 };
        assert_eq!(tensor.raw_data.len(), each * elements(tensor), "{}\n{source}", tensor.name);
        if let Some(shape) = tensors.get(&tensor.name) {
            assert_eq!(shape.iter().product::<usize>(), elements(tensor), "{}\n{source}", tensor.name);
        }
    }
    let mut read: HashSet<&String> = HashSet::new();
    for node in &model.node {
        assert!(names.insert(&node.name), "{} twice\n{source}", node.name);
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            assert!(known.contains(input), "{} reads {input} before it is made\n{source}", node.name);
            read.insert(input);
        }
        for output in &node.output {
            assert!(known.insert(output), "{output} twice\n{source}");
        }
        for attribute in &node.attribute {
            let set = match AttributeType::try_from(attribute.r#type).unwrap() {
                AttributeType::Undefined => false,
                AttributeType::Float => attribute.f.is_some_and(f32::is_finite),
                AttributeType::Int => attribute.i.is_some(),
                AttributeType::String => attribute.s.is_some(),
                AttributeType::TensorProto => attribute.t.is_some(),
                AttributeType::Ints => !attribute.ints.is_empty(),
            };
            assert!(set, "{}: {}\n{source}", node.name, attribute.name);
        }
    }
    for output in &model.output {
        assert!(known.contains(&output.name), "{}\n{source}", output.name);
        read.insert(&output.name);
    }
    let unread: Vec<_> = known.iter().filter(|name| !read.contains(**name) && **name != "input").collect();
    assert!(unread.is_empty(), "nothing reads {unread:?}\n{source}");
    for info in model.input.iter().chain(&model.output).chain(&model.value_info) {
        assert!(known.contains(&info.name), "{}\n{source}", info.name);
        assert_eq!(sizes(info)[0], "batch", "{}", info.name);
    }
}

#[test]
fn a_hundred_random_networks_become_sound_models() {
    let (mut nodes, mut operators) = (0, BTreeSet::new());
    for seed in 0..100 {
        let source = random_source(seed, 1 + seed as usize % LARGEST, Default::default());
        let graph = load(&source);
        let (folded, kept) = (export(&graph, ALL), export(&graph, KEPT));
        for model in [&folded, &kept] {
            sound(model, &graph, &source);
            assert_eq!(model.output.len(), 1 + graph.auxiliary.len(), "{source}");
            nodes += model.node.len();
            operators.extend(model.node.iter().map(|node| node.op_type.clone()));
        }
        let norms = |model| kinds(model).into_iter().filter(|kind| *kind == "BatchNormalization").count();
        let folds = kept.node.len() - folded.node.len();
        assert_eq!(norms(&kept) - norms(&folded), folds, "{source}");
    }
    println!("{nodes} operations: {operators:?}");
    assert!(operators.len() >= 34, "{operators:?}");
}

#[test]
fn networks_of_every_layer_become_sound_models() {
    let layers = <EveryLayer>::graph().unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    let forms = load(EVERY_FORM);
    for (graph, source) in [(&layers, "EveryLayer"), (&forms, EVERY_FORM)] {
        for options in [ALL, KEPT, Options { auxiliary: false, ..ALL }] {
            sound(&export(graph, options), graph, source);
        }
    }
    let held: HashSet<&str> = forms.nodes.iter().map(|node| node.op.keyword()).collect();
    let words = LAYERS.iter().map(|layer| layer.keyword).filter(|word| *word != "dwconv");
    let missing: Vec<&str> = words.chain(["add", "concat", "mul"]).filter(|word| !held.contains(word)).collect();
    // `flatten` and `identity` are in the other network.
    assert_eq!(missing, ["flatten"]);
}

/// What inference reads is in the model under the names of the state dict, with the values of the state dict.
#[test]
fn initializers_are_the_state_dict() {
    for source in [cnn_runtime::zoo::ResNet20Cifar, cnn_runtime::zoo::MobileNetV3Small] {
        let graph = load(source);
        let (state, model) = (weights(&graph), export(&graph, KEPT));
        for (tensor, role) in state.tensors().iter().zip(state.roles()) {
            let held = model.initializer.iter().any(|initializer| initializer.name == tensor.name);
            assert_eq!(held, *role != cnn_runtime::weights::Role::Counter, "{}", tensor.name);
            if held {
                assert_eq!(floats(&model, &tensor.name), tensor.data, "{}", tensor.name);
            }
        }
    }
}

#[test]
fn batch_norm_goes_into_the_layer_in_front_of_it() {
    let net = |steps: &str| load(&format!("Net: 3x6x6 -> 4; stem {steps}; head gap -> fc: linear(4);"));
    let plain = net("c: conv(4, 3, bias = false) -> b: bn(eps = 0.01) -> relu");
    let (folded, kept, state) = (export(&plain, ALL), export(&plain, KEPT), weights(&plain));
    assert_eq!(kinds(&folded), ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]);
    assert_eq!(kinds(&kept)[..3], ["Conv", "BatchNormalization", "Relu"]);
    let get = |name: &str| &state.get(name).unwrap().data;
    let (weight, bias) = (floats(&folded, "c.weight"), floats(&folded, "c.bias"));
    for (channel, filter) in weight.chunks(27).enumerate() {
        let of = |name: &str| f64::from(get(name)[channel]);
        let scale = of("b.weight") / (of("b.running_var") + 0.01).sqrt();
        assert_eq!(bias[channel], (of("b.bias") - of("b.running_mean") * scale) as f32);
        for (found, was) in filter.iter().zip(&get("c.weight")[channel * 27..]) {
            assert_eq!(*found, (f64::from(*was) * scale) as f32);
        }
    }
    // Through what inference leaves out, into linear layers, with a bias that is there.
    let through = net(
        "c: conv(4, 3) -> dropout(0.5) -> identity -> b: bn -> p: linear(4, pixelwise = true) -> n: bn(affine = false)",
    );
    assert_eq!(kinds(&export(&through, ALL))[..3], ["Conv", "Conv", "GlobalAveragePool"]);
    // Another reader needs what the convolution gave.
    let shared = net("c: conv(4, 3) -> add { { b: bn }; identity; }");
    assert_eq!(kinds(&export(&shared, ALL))[..3], ["Conv", "BatchNormalization", "Add"]);
    let shown = net("c: conv(4, 3) -> seen: aux { identity } -> b: bn");
    assert_eq!(kinds(&export(&shown, ALL))[..2], ["Conv", "BatchNormalization"]);
    assert_eq!(kinds(&export(&shown, Options { auxiliary: false, ..ALL }))[..2], ["Conv", "GlobalAveragePool"]);
    let first = net("b: bn -> c: conv(4, 3)");
    assert_eq!(kinds(&export(&first, ALL))[..2], ["BatchNormalization", "Conv"]);
}

#[test]
fn each_layer_is_these_operators() {
    let cases: &[(&str, &[&str])] = &[
        ("conv(6, 3)", &["Conv"]),
        ("linear(5, pixelwise = true)", &["Conv"]),
        ("gap -> linear(5)", &["GlobalAveragePool", "Flatten", "Gemm"]),
        ("bn", &["BatchNormalization"]),
        ("gn(2)", &["Reshape", "InstanceNormalization", "Reshape", "Mul", "Add"]),
        ("ln", &["Transpose", "LayerNormalization", "Transpose"]),
        ("flatten -> ln", &["Flatten", "LayerNormalization"]),
        ("lrn(3)", &["LRN"]),
        ("lrn(4)", &["Mul", "Reshape", "AveragePool", "Reshape", "Mul", "Add", "Pow", "Div"]),
        ("relu", &["Relu"]),
        ("relu6", &["Clip"]),
        ("leaky", &["LeakyRelu"]),
        ("prelu", &["PRelu"]),
        ("sigmoid", &["Sigmoid"]),
        ("tanh", &["Tanh"]),
        ("silu", &["Sigmoid", "Mul"]),
        ("hswish", &["HardSwish"]),
        ("hsigmoid", &["HardSigmoid"]),
        ("gelu", &["Div", "Erf", "Add", "Mul", "Mul"]),
        ("softmax", &["Softmax"]),
        ("maxpool(2)", &["MaxPool"]),
        ("maxpool(2, dilation = 2, pad = 1)", &["Pad", "MaxPool"]),
        ("avgpool(2)", &["AveragePool"]),
        ("avgpool(3, stride = 2, pad = 1, ceil = true)", &["Pad", "AveragePool"]),
        ("avgpool(3, stride = 2, pad = 1, ceil = true, count_pad = false)", &["AveragePool"]),
        ("adaptive_avgpool(1)", &["GlobalAveragePool"]),
        ("adaptive_avgpool(3)", &["MatMul", "MatMul"]),
        ("pad(1)", &["Pad"]),
        ("flatten", &["Flatten"]),
        ("zero(2)", &["Shape", "Concat", "ConstantOfShape"]),
        ("shift", &["Conv"]),
        ("shuffle(2)", &["Reshape", "Transpose", "Reshape"]),
        ("upsample(2)", &["Resize"]),
        ("scale(2.0)", &["Mul"]),
        ("affine", &["Mul", "Add"]),
        ("affine(bias = false)", &["Mul"]),
        ("subsample(2)", &["Slice"]),
        ("pad_channels(6)", &["Pad"]),
        ("select(1, 3)", &["Slice"]),
        ("add { relu; tanh; sigmoid; }", &["Relu", "Tanh", "Sigmoid", "Add", "Add"]),
        ("concat { relu; tanh; sigmoid; }", &["Relu", "Tanh", "Sigmoid", "Concat"]),
        ("mul { identity; gap; }", &["GlobalAveragePool", "Flatten", "Unsqueeze", "Mul"]),
        // An output has a name of its own.
        ("dropout -> drop_path(0.5) -> identity -> subsample(1) -> pad(0)", &["Identity"]),
        ("add { identity; }", &["Identity"]),
    ];
    let mut unseen: BTreeSet<&str> = LAYERS.iter().map(|layer| layer.keyword).collect();
    for (steps, expected) in cases {
        assert_eq!(kinds(&of_steps(steps)), *expected, "{steps}");
        unseen.retain(|word| !steps.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == *word));
    }
    assert_eq!(unseen, BTreeSet::from(["dwconv"]));
}

/// Top, left, bottom, right; the overhang of ceil mode is padding behind.
#[test]
fn windows_stand_where_they_should() {
    let pads = |steps: &str, node: usize| ints(&of_steps(steps).node[node], "pads").to_vec();
    assert_eq!(pads("conv(4, 3, pad = [1, 2, 3, 4])", 0), [1, 3, 2, 4]);
    assert_eq!(pads("conv(4, 3, stride = 2, pad = same)", 0), [0, 0, 1, 1]);
    assert_eq!(pads("maxpool(3, stride = 2, pad = 1, ceil = true)", 0), [1, 1, 2, 2]);
    assert_eq!(pads("maxpool(2, stride = 2, ceil = true)", 0), [0, 0, 0, 0]);
    assert_eq!(pads("avgpool(3, stride = 2, pad = 1, ceil = true)", 1), [0, 0, 1, 1]);
    assert_eq!(pads("avgpool(3, stride = 2, pad = 1, ceil = true, count_pad = false)", 0), [1, 1, 2, 2]);
    assert_eq!(pads("shift([2, 3], dilation = [1, 2])", 0), [1, 2, 0, 2]);
    for (steps, counts) in [("avgpool(3, pad = 1)", 1), ("avgpool(3, pad = 1, count_pad = false)", 0)] {
        let model = of_steps(steps);
        let counted = model.node[0].attribute.iter().find(|attribute| attribute.name == "count_include_pad").unwrap();
        assert_eq!(counted.i, Some(counts), "{steps}");
    }
}

#[test]
fn outputs_bear_their_names_and_sizes() {
    let source = "Net: 3x8x8 -> 4; stem c: conv(4, 3) -> one: aux { identity } -> two: aux { identity }; \
                  logits: aux { gap } -> input: aux { relu }; head gap -> linear(4);";
    let graph = load(source);
    let model = export(&graph, ALL);
    sound(&model, &graph, source);
    let outputs: Vec<(&str, String)> =
        model.output.iter().map(|info| (info.name.as_str(), sizes(info).join(" "))).collect();
    let names = ["logits", "one", "two", "logits_1", "input_1"];
    let expected = ["batch 4", "batch 4 6 6", "batch 4 6 6", "batch 4", "batch 4 6 6"];
    assert_eq!(outputs, names.into_iter().zip(expected.map(str::to_owned)).collect::<Vec<_>>());
    let fixed = export(&graph, Options { batch: Some(7), auxiliary: false, ..ALL });
    let infos: Vec<String> = fixed.input.iter().chain(&fixed.output).map(|info| sizes(info).join(" ")).collect();
    assert_eq!(infos, ["7 3 8 8", "7 4"]);
}

#[test]
fn large_weights_stand_beside_the_model() {
    let graph = load(cnn_runtime::zoo::LeNet5);
    let (state, folder) = (weights(&graph), tempfile::tempdir().unwrap());
    let path = folder.path().join("lenet5.onnx");
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<BTreeSet<_>>().into_iter().map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let inline = onnx::save(&graph, &state, ALL, &path).unwrap();
    assert_eq!((inline.weights, names()), (None, vec!["lenet5.onnx".to_owned()]));
    let whole = ModelProto::decode(&*std::fs::read(&path).unwrap()).unwrap().graph.unwrap();

    let saved = onnx::save(&graph, &state, Options { inline: 100_000, ..ALL }, &path).unwrap();
    assert_eq!(names(), ["lenet5.onnx", "lenet5.onnx.data"]);
    assert_eq!(saved.weights, Some(folder.path().join("lenet5.onnx.data")));
    let (model, data) = (std::fs::read(&path).unwrap(), std::fs::read(saved.weights.unwrap()).unwrap());
    assert_eq!(saved.bytes, (model.len() + data.len()) as u64);
    let model = ModelProto::decode(&*model).unwrap().graph.unwrap();
    assert_eq!((&model.node, model.initializer.len()), (&whole.node, whole.initializer.len()));
    let mut outside = 0;
    for (tensor, expected) in model.initializer.iter().zip(&whole.initializer) {
        assert_eq!((&tensor.name, &tensor.dims), (&expected.name, &expected.dims));
        if tensor.data_location == i32::from(DataLocation::Default) {
            assert_eq!(tensor, expected);
            assert!(tensor.raw_data.len() < 1024);
            continue;
        }
        outside += 1;
        let get = |key: &str| &tensor.external_data.iter().find(|entry| entry.key == key).unwrap().value;
        let (offset, length): (usize, usize) = (get("offset").parse().unwrap(), get("length").parse().unwrap());
        assert_eq!((get("location").as_str(), offset % 4096), ("lenet5.onnx.data", 0));
        assert_eq!(data[offset..][..length], expected.raw_data, "{}", tensor.name);
    }
    assert_eq!(outside, 4);
}

#[test]
fn what_cannot_be_exported_is_told() {
    let graph = load(cnn_runtime::zoo::LeNet5);
    let (state, folder) = (weights(&graph), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    let told = |graph: &Graph, options: Options, path: std::path::PathBuf| {
        onnx::save(graph, &state, options, path).unwrap_err().to_string()
    };
    let custom = load("Net: 3x8x8 -> 3; stem mix: custom crate::layers::Mix(3) @ 3x8x8; head gap;");
    assert!(custom.nodes.iter().any(|node| matches!(node.op, Op::Custom { .. })));
    let message = told(&custom, ALL, at("net.onnx"));
    assert!(message.starts_with("ONNX has no operator for `custom crate::layers::Mix"), "{message}");
    assert!(message.contains("at `mix`"), "{message}");
    for batch in [0, usize::MAX] {
        let message = told(&graph, Options { batch: Some(batch), ..ALL }, at("net.onnx"));
        assert!(message.contains(&format!("1 to 2147483647 samples, got {batch}")), "{message}");
    }
    let message = told(&load(cnn_runtime::zoo::ResNet20Cifar), ALL, at("net.onnx"));
    assert!(message.contains("weights of another network"), "{message}");
    let other = load(&cnn_runtime::zoo::LeNet5.replace("linear(84)", "linear(85)"));
    let message = told(&other, ALL, at("net.onnx"));
    assert!(message.contains("has 10080 values") && message.contains("has 10200"), "{message}");
    let error = onnx::to_bytes(&graph, &state, Options { inline: 1000, ..ALL }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "LeNet5 has 246824 bytes of weights, expected at most 1000 in one file; save it, which puts them beside the model"
    );
    std::fs::create_dir(at("folder")).unwrap();
    for inline in [0, Options::INLINE] {
        for place in ["nowhere/net.onnx", "folder"] {
            let error = onnx::save(&graph, &state, Options { inline, ..ALL }, at(place)).unwrap_err();
            assert!(matches!(&error, OnnxError::Io { .. }), "{error}");
            assert!(error.to_string().contains(place), "{error}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["folder"], "nothing is written");
}

/// DSL files for parity/onnx_runtime.py.
#[test]
#[ignore = "writes files: ONNX_NETWORKS=DIR"]
fn random_networks_as_files() {
    let folder = std::path::PathBuf::from(std::env::var_os("ONNX_NETWORKS").expect("ONNX_NETWORKS=DIR"));
    for seed in 0..300 {
        let source = random_source(seed, 1 + seed as usize % LARGEST, Default::default());
        std::fs::write(folder.join(format!("random_{seed}.cnn")), source).unwrap();
    }
}
