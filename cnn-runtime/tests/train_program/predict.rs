//! `cnn predict`: files in, files out.

use std::fs;

use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::train::Run;
use cnn_runtime::weights::{StateDict, read_tensor};

use super::{folder, good, image_file};

#[test]
fn predict_gives_the_numbers_of_a_session() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    good(folder, "train tiny.cnn:Aux --digits 64:20 --epochs 1 --out run");
    let run = Run::open(&at("run")).unwrap();
    let images = image_file(&at("x.safetensors"), &[5, 1, 12, 12]);
    let expected = |run: &Run, size: Option<&str>, images: &[f32], output: &str| {
        let graph = run.graph_at(size.map(|size| size.parse().unwrap())).unwrap();
        let weights = StateDict::<f32>::load(&graph, run.weights()).unwrap();
        let mut session =
            Session::new(&graph, &weights, SessionOptions { batch: 5, auxiliary: true, ..Default::default() }).unwrap();
        session.run(images).unwrap();
        session.output(output).unwrap().to_vec()
    };
    let close = |got: &[f32], expected: &[f32]| {
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?}\n{expected:?}");
    };
    let files = "--weights run/best.safetensors --input x.safetensors --output y.safetensors";
    for (net, flags) in
        [("--net tiny.cnn:Aux", "--batch 2"), ("tiny.cnn:Aux", "--batch 100"), ("run", "--auxiliary --json")]
    {
        let _ = fs::remove_file(at("y.safetensors"));
        good(folder, &format!("predict {net} {files} {flags}"));
        let (shape, logits) = read_tensor(at("y.safetensors"), "logits").unwrap();
        assert_eq!(shape, [5, 10]);
        close(&logits, &expected(&run, None, &images, "logits"));
        let early = read_tensor(at("y.safetensors"), "early");
        assert_eq!(early.is_ok(), flags.contains("auxiliary"));
        if let Ok((_, early)) = early {
            close(&early, &expected(&run, None, &images, "early"));
        }
    }
    // Another size than the definition's.
    let images = image_file(&at("x.safetensors"), &[3, 1, 17, 14]);
    for net in ["tiny.cnn:Aux", "run"] {
        good(folder, &format!("predict {net} {files}"));
        let (shape, logits) = read_tensor(at("y.safetensors"), "logits").unwrap();
        assert_eq!(shape, [3, 10]);
        close(&logits, &expected(&run, Some("1x17x14"), &images, "logits"));
    }
    // Normalised as the run's images were.
    let images = image_file(&at("x.safetensors"), &[2, 1, 12, 12]);
    let facts = run.facts().unwrap().unwrap();
    let normal: Vec<f32> = images.iter().map(|x| (x - facts.mean[0]) / facts.std[0]).collect();
    good(folder, "predict run --normalize --input x.safetensors --output y.safetensors");
    close(&read_tensor(at("y.safetensors"), "logits").unwrap().1, &expected(&run, None, &normal, "logits"));
}
