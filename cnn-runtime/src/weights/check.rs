//! Compares what a file or a module holds with what is expected: every difference at once, before anything is changed.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::{Element, Mismatch, NamedTensor, WeightsError};

/// Names and shapes and types, by the file's header alone.
pub(super) fn header<E: Element>(
    place: &str,
    layout: &[NamedTensor<E>],
    infos: &HashMap<String, &TensorInfo>,
) -> Result<(), WeightsError> {
    let mismatches = compare(layout, infos, |tensor, info| [shape(tensor, &info.shape), dtype(tensor, info.dtype)]);
    fits(place, mismatches)
}

/// Names and shapes of a module's tensors against those of a network.
pub(super) fn module<E>(
    network: &str,
    layout: &[NamedTensor<E>],
    module: &[NamedTensor<E>],
) -> Result<(), WeightsError> {
    let mut found = HashMap::new();
    for tensor in module {
        if found.insert(tensor.name.as_str(), tensor).is_some() {
            return Err(WeightsError::Name { name: tensor.name.clone(), reason: "two tensors of the name" });
        }
    }
    let mismatches = compare(layout, &found, |tensor, found| [shape(tensor, &found.shape), None]);
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Module { network: network.into(), mismatches })
}

/// Everything that is missing, unexpected, or different in the eyes of `look`.
fn compare<E, K: Borrow<str> + Eq + Hash, T>(
    layout: &[NamedTensor<E>],
    found: &HashMap<K, T>,
    look: impl Fn(&NamedTensor<E>, &T) -> [Option<Mismatch>; 2],
) -> Vec<Mismatch> {
    let known: HashSet<&str> = layout.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut unexpected: Vec<&str> = found.keys().map(Borrow::borrow).collect();
    unexpected.retain(|name| !known.contains(name));
    unexpected.sort_unstable();

    let mut mismatches = Vec::new();
    for tensor in layout {
        match found.get(tensor.name.as_str()) {
            Some(found) => mismatches.extend(look(tensor, found).into_iter().flatten()),
            None => {
                let nearest = nearest(&tensor.name, &unexpected);
                mismatches.push(Mismatch::Missing { name: tensor.name.clone(), nearest });
            }
        }
    }
    mismatches.extend(unexpected.iter().map(|&name| Mismatch::Unexpected { name: name.into() }));
    mismatches
}

fn shape<E>(tensor: &NamedTensor<E>, got: &[usize]) -> Option<Mismatch> {
    (tensor.shape != got).then(|| Mismatch::Shape {
        name: tensor.name.clone(),
        expected: tensor.shape.clone(),
        got: got.to_vec(),
    })
}

/// Whether a file's elements can be read as a tensor's.
pub(super) fn dtype<E>(tensor: &NamedTensor<E>, got: Dtype) -> Option<Mismatch> {
    let loads = match got {
        Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16 => true,
        Dtype::I64 => tensor.is_counter(),
        _ => false,
    };
    (!loads).then(|| Mismatch::Dtype {
        name: tensor.name.clone(),
        expected: match tensor.is_counter() {
            true => "I64, F64, F32, F16 or BF16",
            false => "F64, F32, F16 or BF16",
        },
        got,
    })
}

/// The file's values as the module's type, once [`header`] has passed.
pub(super) fn values<E: Element>(
    place: &str,
    layout: &[NamedTensor<E>],
    infos: &HashMap<String, &TensorInfo>,
    data: &[u8],
) -> Result<Vec<Vec<E>>, WeightsError> {
    let mut mismatches = Vec::new();
    let mut all = Vec::with_capacity(layout.len());
    for tensor in layout {
        let info = infos[&tensor.name];
        match convert(&tensor.name, info.dtype, &data[info.data_offsets.0..info.data_offsets.1]) {
            Ok(values) => all.push(values),
            Err(mismatch) => mismatches.push(mismatch),
        }
    }
    fits(place, mismatches)?;
    Ok(all)
}

/// A tensor's bytes as values, once [`dtype`] has passed.
pub(super) fn convert<E: Element>(name: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<E>, Mismatch> {
    let Some((size, read)) = reader(dtype) else {
        return Err(Mismatch::Dtype { name: name.into(), expected: "F64, F32, F16 or BF16", got: dtype });
    };
    let wide = bytes.chunks_exact(size).map(read);
    let overflows = |x: &f64| x.is_finite() && !E::narrow(*x).widen().is_finite();
    match wide.clone().find(overflows) {
        Some(value) => Err(Mismatch::Overflow { name: name.into(), value, dtype: E::DTYPE }),
        None => Ok(wide.map(E::narrow).collect()),
    }
}

fn fits(place: &str, mismatches: Vec<Mismatch>) -> Result<(), WeightsError> {
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Mismatch { place: place.into(), mismatches })
}

/// Bytes of an element and how to get its value.
type Reader = (usize, fn(&[u8]) -> f64);

/// For the types that can be loaded.
fn reader(dtype: Dtype) -> Option<Reader> {
    Some(match dtype {
        Dtype::F64 => (8, |b| f64::from_le_bytes(array(b))),
        Dtype::F32 => (4, |b| f32::from_le_bytes(array(b)).into()),
        Dtype::F16 => (2, |b| f16::from_le_bytes(array(b)).into()),
        Dtype::BF16 => (2, |b| bf16::from_le_bytes(array(b)).into()),
        Dtype::I64 => (8, |b| i64::from_le_bytes(array(b)) as f64),
        _ => return None,
    })
}

/// The bytes of one element; `chunks_exact` has made them as many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

/// The most similar of the candidates, if it is similar at all.
pub(super) fn nearest(name: &str, candidates: &[&str]) -> Option<String> {
    /// Comparing costs the product of the lengths; a file full of long names is not worth it.
    const LONGEST: usize = 200;
    const MOST: usize = 500;
    if name.len() > LONGEST || candidates.len() > MOST {
        return None;
    }
    let candidates = candidates.iter().filter(|other| other.len() <= LONGEST);
    let (distance, nearest) = candidates.map(|other| (distance(name, other), *other)).min()?;
    (distance <= name.len().max(nearest.len()).div_ceil(3)).then(|| nearest.into())
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
