//! What users get wrong.

use std::fs;

use cnn_runtime::weights::{NamedTensor, write_tensors};

use super::{folder, good, image_file, mistake};

#[test]
fn mistakes_are_one_line_and_write_nothing() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    good(folder, "train tiny.cnn:Tiny --digits 64:20 --epochs 1 --out run");
    image_file(&at("x.safetensors"), &[2, 1, 12, 12]);
    image_file(&at("flat.safetensors"), &[144]);
    image_file(&at("rows.safetensors"), &[4, 12, 12]);
    image_file(&at("none.safetensors"), &[0, 1, 12, 12]);
    image_file(&at("small.safetensors"), &[2, 1, 2, 2]);
    image_file(&at("colour.safetensors"), &[2, 3, 12, 12]);
    let scalar = NamedTensor { name: "input".into(), shape: vec![], data: vec![1.0] };
    write_tensors(at("scalar.safetensors"), &[scalar]).unwrap();
    let other = NamedTensor { name: "images".into(), shape: vec![1], data: vec![1.0] };
    write_tensors(at("other.safetensors"), &[other]).unwrap();
    let bytes = fs::read(at("x.safetensors")).unwrap();
    fs::write(at("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(at("empty.safetensors"), "").unwrap();
    fs::create_dir(at("nothing")).unwrap();

    let predict = [
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "flat.safetensors", "batch x channels x height x width"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "rows.safetensors", "batch x channels x height x width"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "scalar.safetensors", "single number"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "none.safetensors", "[0, 1, 12, 12]"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "small.safetensors", "conv's window"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "colour.safetensors", "has shape"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "other.safetensors", "no tensor input"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "cut.safetensors", "safetensors file"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "empty.safetensors", "cut off"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "nowhere.safetensors", "nowhere.safetensors"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "nothing", "no regular file"),
        ("--net tiny.cnn:Tiny", "cut.safetensors", "x.safetensors", "safetensors file"),
        ("--net tiny.cnn:Tiny", "nowhere.safetensors", "x.safetensors", "nowhere.safetensors"),
        ("--net tiny.cnn:Aux", "run/best.safetensors", "x.safetensors", "missing"),
        ("--net tiny.cnn:Tiny(classes=3)", "run/best.safetensors", "x.safetensors", "has shape"),
        ("--net lenet6", "run/best.safetensors", "x.safetensors", "did you mean `lenet5`"),
        ("--net tiny.cnn:Tiny --batch 0", "run/best.safetensors", "x.safetensors", "expected a number from 1, got 0"),
        ("--net tiny.cnn:Tiny --normalize", "run/best.safetensors", "x.safetensors", "--normalize"),
    ];
    for (net, weights, input, words) in &predict {
        let line = format!("predict {net} --weights {weights} --input {input} --output y.safetensors");
        let told = mistake(folder, &line);
        assert!(told.contains(words), "{line}\n{told}");
        assert!(!at("y.safetensors").exists(), "{line}");
    }
    let others = [
        ("predict tiny.cnn --input x.safetensors --output y.safetensors", "give --weights"),
        ("predict --input x.safetensors --output y.safetensors", "required"),
        ("predict run --input x.safetensors --output nowhere/y.safetensors", "nowhere"),
        ("train", "required"),
        ("train lenet6", "did you mean `lenet5`"),
        ("train resnet18 --input 3x32x32", "as in `resnet18(classes = 10)`"),
        ("train tiny.cnn:Tiny(classes=7)", "as in `tiny.cnn:Tiny(classes = 10)`"),
        ("train tiny.cnn --epochs 0", "expected a number from 1 to 4294967296, got 0"),
        ("train tiny.cnn --epochs -3", "expected a number from 1 to 4294967296, got -3"),
        ("train tiny.cnn --seed 1.5", "expected a number from 0, got 1.5"),
        ("train tiny.cnn --batch many", "expected a number from 1 to 4294967296, got many"),
        ("train tiny.cnn --accumulate 0", "expected a number from 1, got 0"),
        ("train tiny.cnn --device cuda:99", "cuda:99: "),
        ("train tiny.cnn --device cuda:99 --out far/away", "cuda:99: "),
        ("train tiny.cnn --device gpu", "expected cpu, cuda or cuda:N"),
        ("train tiny.cnn --lr -1", "learning rate must be"),
        ("train tiny.cnn --lr nan", "learning rate must be"),
        ("train tiny.cnn --ema 1", "decay of the average"),
        ("train tiny.cnn --label-smoothing 2", "label smoothing must be"),
        ("train tiny.cnn --clip-norm 0", "clipping must be"),
        ("train tiny.cnn --schedule linear", "step:EVERY:FACTOR"),
        ("train tiny.cnn --schedule step:0", "above 0"),
        ("train tiny.cnn --optimizer lion", "lion"),
        ("train tiny.cnn --digits 10", "10000:2000"),
        ("train tiny.cnn --digits 0:5", "number of training digits"),
        ("train tiny.cnn --data cifar", "no data set `cifar`"),
        ("train tiny.cnn --data mnist:nowhere", "nowhere"),
        ("train tiny.cnn --data cifar10:nowhere", "nowhere holds no data_batch_1.bin"),
        ("train tiny.cnn --data folder:nowhere", "nowhere"),
        ("train tiny.cnn --data folder:run", "expected a folder for each of two classes or more"),
        ("train tiny.cnn --augment blur", "augmentation `blur`: expected none, cifar, imagenet"),
        ("train tiny.cnn --augment cifar,flip", "each word once"),
        ("train tiny.cnn --normalize grey", "normalisation `grey`"),
        ("train tiny.cnn --normalize imagenet", "normalising 1 channels needs 1"),
        ("train tiny.cnn --validation 1", "share of validation images must be from 0 to 0.9"),
        ("train tiny.cnn --corrupt ignore", "ignore"),
        ("train tiny.cnn --class-weights 1:2", "a number for each of 10 classes"),
        ("train tiny.cnn --sampling 0:0:0:0:0:0:0:0:0:0", "one above 0"),
        ("train tiny.cnn --workers 1000", "number of workers must be"),
        ("train --resume run --augment cifar", "cannot be used with"),
        ("train tiny.cnn --checkpoint-seconds -1", "-1"),
        ("train tiny.cnn --keep 0", "expected a number from 1 to 1000, got 0"),
        ("lr-find tiny.cnn --steps 9", "expected a number from 10 to 100000, got 9"),
        ("train tiny.cnn --input 144", "needs a feature map"),
        ("train tiny.cnn --input 1x4x4", "4"),
        ("train tiny.cnn --out run", "run is there already"),
        ("train tiny.cnn --out tiny.cnn", "tiny.cnn is there already"),
        ("train tiny.cnn --resume run", "cannot be used with"),
        ("train --resume run --weights run/best.safetensors", "cannot be used with"),
        ("train tiny.cnn:Tiny --weights nowhere.safetensors", "nowhere.safetensors"),
        ("train tiny.cnn:Aux --weights run/best.safetensors", "missing"),
        ("train tiny.cnn:Tiny --weights run/best.safetensors --head fc", "the pattern fc"),
        ("train tiny.cnn:Tiny --weights run/best.safetensors --head *", "no tensor is left"),
        ("train tiny.cnn:Tiny --weights run/best.safetensors --rename fc", "classifier=fc"),
        ("train tiny.cnn --head fc", "--weights"),
        ("train tiny.cnn --freeze fc", "the pattern \"fc\""),
        ("train tiny.cnn --freeze *", "every parameter of Aux is frozen"),
        ("train --resume nothing", "no settings.json"),
        ("train --resume nowhere", "no settings.json"),
        ("eval lenet5", "give --weights"),
        ("eval run --input 1x20x20", "a run has its own input"),
        ("eval tiny.cnn:Aux --weights run/best.safetensors", "missing"),
        ("eval run --center 2", "a number from 0.1 to 1"),
        ("eval run --batch 0", "expected a number from 1, got 0"),
        ("eval nothing", "nothing"),
        ("bench tiny.cnn --batch 0", "expected a number from 1, got 0"),
        ("bench tiny.cnn --repeat 0", "expected a number from 1, got 0"),
        ("bench tiny.cnn --batch 99999999999999", "smaller --batch"),
        ("bench lenet6", "did you mean `lenet5`"),
        ("export lenet5 --onnx y.onnx", "give --weights"),
        ("export run", "--onnx"),
        ("export lenet6 --onnx y.onnx", "did you mean `lenet5`"),
        ("export nothing --onnx y.onnx", "nothing"),
        ("export run --onnx y.onnx --batch 0", "expected a number from 1 to 2147483647, got 0"),
        ("export run --onnx y.onnx --batch -1", "invalid value '-1'"),
        ("export run --onnx y.onnx --input 1x2x2", "conv's window"),
        ("export run --onnx nowhere/y.onnx", "cannot write nowhere/y.onnx"),
        ("export run --onnx nowhere/y.onnx --external-data", "cannot write nowhere/y.onnx.data"),
        ("export run --onnx nothing", "cannot write nothing"),
        ("export run --onnx run/best.safetensors", "is the file of the weights"),
        ("export tiny.cnn:Aux --weights run/best.safetensors --onnx y.onnx", "missing"),
        ("export tiny.cnn:Tiny --weights cut.safetensors --onnx y.onnx", "safetensors file"),
    ];
    for (line, words) in &others {
        let told = mistake(folder, line);
        assert!(told.contains(words), "{line}\n{told}");
    }
    assert!(!at("y.safetensors").exists() && !at("y.onnx").exists());
    // No folder of a run that has not begun, nor one around it.
    assert!(!at("runs").exists() && !at("far").exists());
    println!("{} mistakes", predict.len() + others.len());
}
