use std::path::Path;

use cnn_lang::graph::Graph;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::weights::{StateDict, WeightsError};

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// A trunk of twelve tensors and a head.
fn network(classes: usize) -> Graph {
    let block = "block unit(out) { conv: conv(out, 3) -> bn: bn }";
    graph(&format!("{block} N: 3x9x9 -> {classes}; body layer: unit(4) * 2; head gap -> fc: linear({classes});"))
}

/// A file whose names are `name` of the network's.
fn renamed(path: &Path, held: &StateDict<f32>, name: impl Fn(&str) -> Option<String>) {
    let tensors = held.tensors().iter().filter_map(|tensor| {
        let name = name(&tensor.name)?;
        Some(crate::weights::NamedTensor { name, ..tensor.clone() })
    });
    crate::weights::write_tensors(path, &tensors.collect::<Vec<_>>()).unwrap();
}

struct Case {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    held: StateDict<f32>,
}

fn case(classes: usize, name: impl Fn(&str) -> Option<String>) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("held.safetensors");
    let held = StateDict::init(&network(classes), 1).unwrap();
    renamed(&path, &held, name);
    Case { _dir: dir, path, held }
}

fn same(name: &str) -> Option<String> {
    Some(name.to_owned())
}

fn load(case: &Case, classes: usize, options: &LoadOptions) -> Result<(StateDict<f32>, LoadReport), WeightsError> {
    let mut state = StateDict::init(&network(classes), 2).unwrap();
    let before = state.clone();
    match state.load_with(&case.path, options) {
        Ok(report) => Ok((state, report)),
        Err(error) => {
            assert!(state == before, "{error}");
            Err(error)
        }
    }
}

/// Exactly the tensors of the report are the file's; the others began as before.
fn check(case: &Case, (state, report): &(StateDict<f32>, LoadReport)) {
    let before = StateDict::<f32>::init(&network(state.get("fc.bias").unwrap().data.len()), 2).unwrap();
    for (tensor, before) in state.tensors().iter().zip(before.tensors()) {
        let loaded = report.loaded.contains(&tensor.name);
        let expected = if loaded { case.held.get(&tensor.name).unwrap() } else { before };
        assert_eq!(tensor, expected, "{} {loaded}", tensor.name);
    }
}

fn list(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(|&pattern| pattern.to_owned()).collect()
}

#[test]
fn a_head_is_replaced_by_name() {
    let case = case(4, same);
    // The same shape is no reason to load it.
    for classes in [4, 7] {
        let loaded = load(&case, classes, &LoadOptions { skip: list(&["fc"]), ..LoadOptions::default() }).unwrap();
        check(&case, &loaded);
        assert_eq!(loaded.1.loaded.len(), 14);
        assert_eq!(loaded.1.to_string(), "loaded 14 tensors; skipped fc.{weight, bias}");
    }
    let all_but = LoadOptions { skip: list(&["!layer.0"]), ..LoadOptions::default() };
    let loaded = load(&case, 7, &all_but).unwrap();
    check(&case, &loaded);
    assert_eq!(loaded.1.loaded.len(), 7);
}

#[test]
fn another_shape_stays_where_a_pattern_says_so_and_is_refused_elsewhere() {
    let case = case(4, same);
    for strict in [true, false] {
        let error = load(&case, 7, &LoadOptions { strict, ..LoadOptions::default() }).unwrap_err().to_string();
        assert!(
            error.contains("fc.weight has shape [4, 4], expected [7, 4]; fc.bias has shape [4], expected [7];"),
            "{error}"
        );
        let loaded =
            load(&case, 7, &LoadOptions { strict, misshapen: list(&["fc*"]), ..LoadOptions::default() }).unwrap();
        check(&case, &loaded);
        assert_eq!(loaded.1.to_string(), "loaded 14 tensors; misshapen fc.{weight, bias}");
        let shape = Mismatch::Shape { name: "fc.bias".into(), expected: vec![7], got: vec![4] };
        assert_eq!(loaded.1.misshapen[1], shape);
    }
    let error = load(&case, 7, &LoadOptions { misshapen: list(&["fc.weight"]), ..LoadOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("in 1 point: fc.bias has shape"), "{error}");
}

#[test]
fn what_is_missing_and_unexpected_is_reported_or_refused() {
    let case = case(4, |name| match name {
        "fc.bias" => Some("f.bias".into()),
        "layer.0.conv.weight" => None,
        _ => same(name),
    });
    let error = load(&case, 4, &LoadOptions::default()).unwrap_err().to_string();
    let expected = "in 3 points: missing layer.0.conv.weight; missing fc.bias (nearest: f.bias); unexpected f.bias; \
        nothing was loaded, take the weights of this very network";
    assert!(error.ends_with(expected), "{error}");
    let loaded = load(&case, 4, &LoadOptions { strict: false, ..LoadOptions::default() }).unwrap();
    check(&case, &loaded);
    assert_eq!(loaded.1.to_string(), "loaded 14 tensors; missing layer.0.conv.weight, fc.bias; unexpected f.bias");
    assert_eq!((loaded.1.missing.len(), &loaded.1.unexpected[..]), (2, &list(&["f.bias"])[..]));
}

#[test]
fn names_are_stripped_renamed_and_prefixed() {
    let saved =
        case(4, |name| Some(format!("module.backbone.{}", name.replace("fc", "classifier").replace("bn", "norm.1"))));
    let options = LoadOptions {
        strip: list(&["module.", "backbone"]),
        rename: vec![("classifier".into(), "fc".into()), ("norm.1".into(), "bn".into())],
        ..LoadOptions::default()
    };
    let loaded = load(&saved, 4, &options).unwrap();
    assert_eq!(loaded.1.loaded.len(), 16);
    check(&saved, &loaded);

    let bare = case(4, |name| name.strip_prefix("layer.").map(str::to_owned));
    let options = LoadOptions { prefix: "layer".into(), skip: list(&["fc"]), ..LoadOptions::default() };
    check(&bare, &load(&bare, 4, &options).unwrap());

    // Two names that become one are no guess.
    let twice = LoadOptions { rename: vec![("0".into(), "1".into())], strict: false, ..LoadOptions::default() };
    let error = load(&case(4, same), 4, &twice).unwrap_err().to_string();
    assert!(error.contains("layer.0.bn.bias and layer.1.bn.bias of the file both become layer.1.bn.bias"), "{error}");
}

#[test]
fn the_error_says_what_to_do_about_scopes() {
    let ddp = case(4, |name| Some(format!("module.{name}")));
    for strict in [true, false] {
        // Nothing of the file is the network's: that is never what was meant.
        let error = load(&ddp, 4, &LoadOptions { strict, ..LoadOptions::default() }).unwrap_err().to_string();
        assert!(error.ends_with("nothing was loaded, strip module from the file's names"), "{error}");
    }
    let trunk = case(4, |name| name.strip_prefix("layer.").map(str::to_owned));
    let error = load(&trunk, 4, &LoadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("nothing was loaded, put layer in front of the file's names"), "{error}");
}

#[test]
fn many_differences_are_told_by_scope() {
    let case = case(4, |name| Some(name.replace("layer", "stage")));
    let error = load(&case, 7, &LoadOptions::default()).unwrap_err();
    let WeightsError::Mismatch { mismatches, .. } = &error else { panic!("{error}") };
    assert_eq!(mismatches.len(), 12 + 14 + 2);
    let expected = "in 28 points: missing layer.{0, 1}.{conv.{weight, bias}, bn.{weight, bias, running_mean, running_var}} (12); \
        unexpected stage.{0, 1}.{bn.{bias, num_batches_tracked, running_mean, running_var, weight}, conv.{bias, weight}} (14); \
        fc.weight has shape [4, 4], expected [7, 4]; fc.bias has shape [4], expected [7]; nothing was loaded";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn patterns_and_scopes_that_mean_nothing_are_mistakes() {
    let case = case(4, same);
    for options in [
        LoadOptions { skip: list(&["fcc"]), ..LoadOptions::default() },
        LoadOptions { misshapen: list(&["fc", "!fcc"]), ..LoadOptions::default() },
    ] {
        let error = load(&case, 4, &options).unwrap_err().to_string();
        assert!(error.ends_with("is named by the pattern fcc; did you mean fc?"), "{error}");
    }
    let error = load(&case, 4, &LoadOptions { skip: list(&["*"]), ..LoadOptions::default() }).unwrap_err().to_string();
    assert!(error.contains("no tensor is left to be loaded"), "{error}");
}

#[test]
fn counters_may_be_missing_as_in_old_files() {
    let case = case(4, |name| (!name.ends_with("num_batches_tracked")).then(|| name.to_owned()));
    let state = StateDict::<f32>::load(&network(4), &case.path).unwrap();
    assert!(state == case.held);
    let (_, report) = load(&case, 4, &LoadOptions::default()).unwrap();
    assert_eq!((report.loaded.len(), report.missing.len()), (14, 0));
}

/// Sixteen bits, the tensors' order in the file turned round, and a large tensor of which nothing is read.
#[test]
fn half_floats_load_and_what_lies_between_is_passed_over() {
    let graph = network(4);
    let values = StateDict::<f32>::fill_with(&graph, |_, shape| {
        (0..shape.iter().product()).map(|i: usize| i as f64 / 4.0 - 3.0).collect()
    });
    let values = values.unwrap();
    for dtype in [Dtype::F16, Dtype::BF16] {
        let bytes = |data: &[f32]| -> Vec<u8> {
            let two = |&x: &f32| match dtype {
                Dtype::F16 => f16::from_f32(x).to_le_bytes(),
                _ => bf16::from_f32(x).to_le_bytes(),
            };
            data.iter().flat_map(two).collect()
        };
        let mut all: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for tensor in values.tensors().iter().rev() {
            let counter = tensor.is_counter();
            let (dtype, data) = match counter {
                true => (Dtype::I64, (tensor.data[0] as i64).to_le_bytes().to_vec()),
                false => (dtype, bytes(&tensor.data)),
            };
            all.push((tensor.name.clone(), dtype, tensor.shape.clone(), data));
        }
        all.insert(7, ("ignored".into(), Dtype::BF16, vec![50_000], vec![0; 100_000]));
        let views = all
            .iter()
            .map(|(name, dtype, shape, data)| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("half.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let mut state = StateDict::<f32>::init(&graph, 2).unwrap();
        let report = state.load_with(&path, &LoadOptions { strict: false, ..LoadOptions::default() }).unwrap();
        assert_eq!(report.unexpected, ["ignored"]);
        assert!(state == values, "{dtype:?}");
    }
}
