use dfdx::nn::BuildModule;
use dfdx::nn::modules::BatchNorm2D;
use dfdx::nn::tensor_collection::{ModuleVisitor, TensorOptions};
use dfdx::prelude::{AsArray, BroadcastTo, TensorFrom};
use dfdx::prelude::{Const, Cpu, Device, Dtype, PermuteTo, Rank0, Rank2, Rank4, Tensor};
use safetensors::tensor::{SafeTensors, TensorView};

use super::*;

/// A module with weights, running statistics and a counter.
#[derive(Clone, Debug)]
struct Layer<E: Dtype, D: Device<E>> {
    weight: Tensor<Rank4<2, 3, 1, 2>, E, D>,
    bn: BatchNorm2D<2, E, D>,
    num_batches_tracked: Tensor<Rank0, E, D>,
}

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Layer<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Layer<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Layer<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::module("bn", |s| &s.bn, |s| &mut s.bn),
                Self::tensor(
                    "num_batches_tracked",
                    |s| &s.num_batches_tracked,
                    |s| &mut s.num_batches_tracked,
                    TensorOptions::detached(|t| t.try_fill_with_zeros()),
                ),
            ),
            |(weight, bn, num_batches_tracked)| Layer { weight, bn, num_batches_tracked },
        )
    }
}

/// Tensor `t` holds `100 t, 100 t + 1, …` and something that takes all of f32's digits.
fn counting<E: Element>() -> Layer<E, Cpu>
where
    Cpu: Device<E>,
{
    let mut layer = Layer::<E, Cpu>::build(&Cpu::default());
    let mut tensor = 0;
    fill_with(&mut layer, |name, shape| {
        tensor += 1;
        let digits = if name == COUNTER { 0.0 } else { 0.1f32.into() };
        let count: usize = shape.iter().product();
        (0..count).map(|i| (100 * tensor + i) as f64 + digits).collect()
    })
    .unwrap();
    layer
}

const NAMES: [&str; 6] = ["weight", "bn.scale", "bn.bias", "bn.running_mean", "bn.running_var", "num_batches_tracked"];

fn file(tensors: &[(&str, safetensors::Dtype, &[usize])]) -> Vec<u8> {
    let zeros = vec![0; 1024];
    let views = tensors.iter().map(|&(name, dtype, shape)| {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let view = TensorView::new(dtype, shape.to_vec(), &zeros[..bytes]).unwrap();
        (name, view)
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn names_and_tensors_come_in_visiting_order() {
    let layer = counting::<f32>();
    assert_eq!(names(&layer), NAMES);
    let tensors = named_tensors(&layer);
    assert_eq!(tensors[0].shape, [2, 3, 1, 2]);
    assert_eq!(tensors[0].data[11], 111.1);
    assert!(tensors[5].shape.is_empty() && tensors[5].is_counter());
    assert_eq!(tensors[5].data, [600.0]);
}

#[test]
fn a_rule_of_the_wrong_length_changes_nothing() {
    let mut layer = counting::<f32>();
    let before = named_tensors(&layer);
    let error = fill_with(&mut layer, |_, _| vec![0.0; 12]).unwrap_err();
    assert_eq!(error.to_string(), "tensor bn.scale of shape [2] takes 2 values, got 12");
    assert_eq!(named_tensors(&layer), before);
}

fn round_trip<E: Element>(dtype: safetensors::Dtype)
where
    Cpu: Device<E>,
{
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer.safetensors");
    let layer = counting::<E>();
    std::fs::write(&path, "an older file").unwrap();
    save(&layer, &path).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let bytes = std::fs::read(&path).unwrap();
    let held = SafeTensors::deserialize(&bytes).unwrap();
    let counter = held.tensor("num_batches_tracked").unwrap();
    assert_eq!(counter.dtype(), safetensors::Dtype::I64);
    assert_eq!(counter.data(), 600i64.to_le_bytes());
    assert_eq!(held.tensor("bn.running_var").unwrap().dtype(), dtype);

    let mut other = Layer::<E, Cpu>::build(&Cpu::default());
    load(&mut other, &path).unwrap();
    assert_eq!(named_tensors(&other), named_tensors(&layer));
}

#[test]
fn saved_is_loaded() {
    round_trip::<f32>(safetensors::Dtype::F32);
    round_trip::<f64>(safetensors::Dtype::F64);
}

#[test]
fn float_types_are_converted() {
    let wide = counting::<f64>();
    let mut narrow = Layer::<f32, Cpu>::build(&Cpu::default());
    from_bytes(&mut narrow, &to_bytes(&wide).unwrap()).unwrap();
    assert_eq!(named_tensors(&narrow), named_tensors(&counting::<f32>()));

    use safetensors::Dtype::{BF16, F16, F64};
    let (half, brain) = (0x3555u16.to_le_bytes(), 0x3eabu16.to_le_bytes());
    let (half, brain) = (half.repeat(12), brain.repeat(2));
    let double = 7f64.to_le_bytes();
    let doubles = double.repeat(2);
    let views = NAMES.into_iter().map(|name| {
        let view = match name {
            "weight" => TensorView::new(F16, vec![2, 3, 1, 2], &half),
            "num_batches_tracked" => TensorView::new(F64, vec![], &double),
            "bn.bias" => TensorView::new(F64, vec![2], &doubles),
            _ => TensorView::new(BF16, vec![2], &brain),
        };
        (name, view.unwrap())
    });
    from_bytes(&mut narrow, &safetensors::serialize(views, None).unwrap()).unwrap();
    let tensors = named_tensors(&narrow);
    assert_eq!(tensors[0].data[0], 0.333_251_95);
    assert_eq!(tensors[1].data[1], 0.333_984_38);
    assert_eq!((tensors[2].data[1], tensors[5].data[0]), (7.0, 7.0));
}

#[test]
fn every_mismatch_is_in_one_message_and_nothing_changes() {
    use safetensors::Dtype::{F32, I32, I64};
    let bytes = file(&[
        ("weight", F32, &[2, 3, 2, 1]),
        ("bn.scales", F32, &[2]),
        ("bn.bias", I64, &[2]),
        ("bn.running_var", F32, &[2]),
        ("num_batches_tracked", I32, &[]),
        ("fc.bias\n", F32, &[5]),
    ]);
    let mut layer = counting::<f32>();
    let before = named_tensors(&layer);
    let error = from_bytes(&mut layer, &bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "the file in memory does not fit the module in 7 points: \
         weight has shape [2, 3, 2, 1], expected [2, 3, 1, 2]; \
         missing bn.scale (nearest: bn.scales); \
         bn.bias holds I64, expected F64, F32, F16 or BF16; \
         missing bn.running_mean; \
         num_batches_tracked holds I32, expected I64, F64, F32, F16 or BF16; \
         unexpected bn.scales; \
         unexpected fc.bias\\n; \
         nothing was loaded, take the weights of this very network"
    );
    assert_eq!(named_tensors(&layer), before);
}

#[test]
fn a_value_too_large_for_the_module_is_refused() {
    let mut wide = counting::<f64>();
    wide.bn.bias.copy_from(&[f64::INFINITY, -1e300]);
    let mut narrow = counting::<f32>();
    let error = from_bytes(&mut narrow, &to_bytes(&wide).unwrap()).unwrap_err();
    let told = "bn.bias holds -1e300, too large for F32";
    assert!(error.to_string().contains(told), "{error}");
}

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    let bytes = to_bytes(&counting::<f32>()).unwrap();
    let mut layer = counting::<f32>();
    for end in 0..bytes.len() {
        let error = from_bytes(&mut layer, &bytes[..end]).unwrap_err();
        assert!(matches!(error, WeightsError::Format { .. }), "{error}");
    }
    for i in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[i] ^= 0x15;
        drop(from_bytes(&mut layer, &flipped));
    }
    let long = [bytes, vec![0]].concat();
    assert!(from_bytes(&mut layer, &long).is_err());
}

#[test]
fn hostile_headers_are_refused_without_taking_memory() {
    let mut layer = counting::<f32>();
    let mut refused = |bytes: &[u8], reason: &str| {
        let error = from_bytes(&mut layer, bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    let with_header = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    refused(&u64::MAX.to_le_bytes(), "header of 18446744073709551615 bytes");
    refused(&(1u64 << 20).to_le_bytes(), "cut off");
    refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "header of");
    refused(&with_header("{\"a\":"), "header: ");
    refused(&with_header(&"[".repeat(5000)), "header: ");
    let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#;
    refused(&with_header(huge), "overflow");
    let claims = r#"{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    refused(&with_header(claims), "its tensors take 4398046511104 bytes, it holds 0");
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut layer = counting::<f32>();
    let missing = dir.path().join("none.safetensors");
    let error = load(&mut layer, &missing).unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("none.safetensors"), "{error}");
    let error = load(&mut layer, dir.path()).unwrap_err().to_string();
    assert!(error.contains("no regular file"), "{error}");
    let error = save(&layer, dir.path().join("no/such/dir")).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn permuted_and_broadcast_tensors_are_set_in_logical_order() {
    type Permuted = Tensor<Rank2<2, 3>, f32, Cpu>;
    let device = Cpu::default();
    let numbers = [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let rule = |_: &str, _: &[usize]| (1..=6).map(f64::from).collect();

    let stored: Tensor<Rank2<3, 2>, f32, Cpu> = device.tensor([[0.0; 2]; 3]);
    let mut permuted: Permuted = stored.permute::<Rank2<2, 3>, _>();
    fill_with(&mut permuted, rule).unwrap();
    assert_eq!(permuted.array(), numbers);

    let row: Tensor<(Const<3>,), f32, Cpu> = device.tensor([0.0; 3]);
    let mut broadcast: Permuted = row.broadcast();
    fill_with(&mut broadcast, rule).unwrap();
    assert_eq!(broadcast.array(), numbers);
}

#[test]
fn kaiming_normal_leaves_all_but_weights() {
    let mut layer = counting::<f64>();
    let before = named_tensors(&layer);
    init::kaiming_normal(&mut layer, init::Mode::FanOut, 0).unwrap();
    assert_ne!(named_tensors(&layer)[0], before[0]);
    assert_eq!(named_tensors(&layer)[1..], before[1..]);
}

#[test]
fn the_average_covers_running_statistics_and_copies_the_counter() {
    let mut layer = counting::<f64>();
    let start = named_tensors(&layer);
    let mut ema = Ema::new(&layer, 0.9).unwrap();
    for step in [1.0, 2.0] {
        fill_with(&mut layer, |_, shape| vec![step; shape.iter().product()]).unwrap();
        ema.update(&layer).unwrap();
    }
    let average = named_tensors(ema.module());
    for (average, start) in average.iter().zip(&start).take(5) {
        for (average, start) in average.data.iter().zip(&start.data) {
            let expected = 0.81 * start + 0.9 * 0.1 * 1.0 + 0.1 * 2.0;
            assert!((average - expected).abs() < 1e-9, "{average} {expected}");
        }
    }
    assert_eq!(average[5].data, [2.0]);
    assert_eq!(layer.bn.running_mean.array(), [2.0, 2.0]);

    ema.apply_to(&mut layer).unwrap();
    assert_eq!(named_tensors(&layer), average);
}

#[test]
fn warm_up_shortens_the_memory_of_early_updates() {
    let layer = counting::<f32>();
    let mut ema = Ema::new(&layer, 0.25).unwrap().with_warm_up();
    assert_eq!(ema.decay(), 0.1);
    ema.update(&layer).unwrap();
    assert_eq!((ema.decay(), ema.updates()), (2.0 / 11.0, 1));
    assert_eq!(ema.with_updates(1000).decay(), 0.25);
    let error = Ema::new(&layer, f64::NAN).unwrap_err().to_string();
    assert!(error.contains("from 0 to 1"), "{error}");
}
