use half::bf16;
use safetensors::tensor::{TensorView, serialize_to_file};

use super::*;
use crate::weights::InitialWeights;

const SOURCE: &str = "Small: 3x8x8 -> 4; stem conv: conv(6, 3) -> bn: bn; head gap -> fc: linear(4);";

fn graph() -> Graph {
    cnn_lang::load(SOURCE, None).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// What a source gives for a network's tensors, read in parts of `most` numbers.
fn gathered<S: WeightSource>(source: &S, most: usize) -> Vec<Vec<S::Element>> {
    let whole = |(index, tensor): (usize, &NamedTensor<S::Element>)| {
        let count: usize = tensor.shape.iter().product();
        let parts = (0..count).step_by(most).map(|start| start..(start + most).min(count));
        parts.flat_map(|part| source.read(index, part).unwrap().into_owned()).collect()
    };
    source.layout().iter().enumerate().map(whole).collect()
}

fn held<E: Element>(state: &StateDict<E>) -> Vec<Vec<E>> {
    state.tensors().iter().map(|tensor| tensor.data.clone()).collect()
}

#[test]
fn a_file_and_a_seed_give_what_a_state_dict_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let graph = graph();
    let mut state = StateDict::<f64>::init(&graph, 3).unwrap();
    for most in [1, 7, 1000] {
        assert_eq!(gathered(&InitialWeights::<f64>::new(&graph, 3).unwrap(), most), held(&state));
    }
    state.get_mut("bn.num_batches_tracked").unwrap()[0] = 12.0;
    state.save(&path).unwrap();
    for most in [1, 7, 1000] {
        let stored = StoredWeights::<f64>::open(&graph, &path, &LoadOptions::default()).unwrap();
        assert_eq!(gathered(&stored, most), held(&state));
        let narrow = StoredWeights::<f32>::open(&graph, &path, &LoadOptions::default()).unwrap();
        assert_eq!(gathered(&narrow, most), held(&state.cast::<f32>()));
    }
}

#[test]
fn files_of_other_programs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let graph = graph();
    // 16 bits, another scope, no counters.
    let state = StateDict::<f32>::init(&graph, 3).unwrap();
    let tensors = state.tensors().iter().filter(|tensor| !tensor.is_counter());
    let bytes: Vec<(String, &[usize], Vec<u8>)> = tensors
        .map(|NamedTensor { name, shape, data }| {
            let bytes = data.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect();
            (format!("module.{name}"), &shape[..], bytes)
        })
        .collect();
    let views =
        bytes.iter().map(|(name, shape, bytes)| (name, TensorView::new(Dtype::BF16, shape.to_vec(), bytes).unwrap()));
    serialize_to_file(views, None, &path).unwrap();
    let options = LoadOptions { strip: vec!["module".into()], ..LoadOptions::default() };
    let stored = StoredWeights::<f32>::open(&graph, &path, &options).unwrap();
    let mut expected = state.clone();
    expected.load_with(&path, &options).unwrap();
    assert_eq!(gathered(&stored, 5), held(&expected));
    assert_ne!(expected, state, "16 bits are fewer");
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let graph = graph();
    let refused =
        |options: &LoadOptions| StoredWeights::<f32>::open(&graph, &path, options).map(|_| ()).unwrap_err().to_string();
    assert!(refused(&LoadOptions::default()).starts_with("cannot read "));
    let other = SOURCE.replace("linear(4)", "linear(5)").replace("-> 4", "-> 5");
    let other = cnn_lang::load(&other, None).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    StateDict::<f32>::init(&other, 3).unwrap().save(&path).unwrap();
    let expected = "fc.weight has shape [5, 6], expected [4, 6]";
    assert!(refused(&LoadOptions::default()).contains(expected));
    // Nothing may be left out.
    let tolerant = LoadOptions { strict: false, skip: vec!["fc".into()], ..LoadOptions::default() };
    assert!(refused(&tolerant).contains(expected));

    let mut large = StateDict::<f64>::init(&graph, 3).unwrap();
    large.get_mut("fc.bias").unwrap()[2] = 1e300;
    large.save(&path).unwrap();
    let stored = StoredWeights::<f32>::open(&graph, &path, &LoadOptions::default()).unwrap();
    let at = stored.layout().iter().position(|tensor| tensor.name == "fc.bias").unwrap();
    assert_eq!(stored.read(at, 0..2).unwrap().len(), 2);
    let error = stored.read(at, 0..4).unwrap_err().to_string();
    assert!(error.contains("fc.bias holds 1e300, too large for F32"), "{error}");
    let session = crate::engine::Session::new(&graph, stored, crate::engine::SessionOptions::default());
    assert!(session.map(|_| ()).unwrap_err().to_string().contains("fc.bias holds 1e300"));

    // A file that is cut off after it has been opened.
    let stored = StoredWeights::<f32>::open(&graph, &path, &LoadOptions::default()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 8).unwrap();
    let cut = (0..stored.layout().len()).find_map(|index| {
        let count = stored.layout()[index].shape.iter().product();
        stored.read(index, 0..count).err()
    });
    assert!(cut.is_some_and(|error| error.to_string().contains("cut off")));
}
