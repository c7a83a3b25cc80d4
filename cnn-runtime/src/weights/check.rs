//! Compares what a file or a module holds with what is expected: every difference at once, before anything is changed.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::{Element, LoadOptions, LoadReport, Mismatch, NamedTensor, WeightsError, pattern};

/// What a file gives to a network.
pub(super) struct Matched<'f> {
    /// For each tensor of the network the file's, by its header alone.
    pub found: Vec<Option<&'f TensorInfo>>,
    /// What is loaded if no value is too large.
    pub report: LoadReport,
}

/// Names and shapes and types, by the file's header alone.
pub(super) fn header<'f, E: Element>(
    place: &str,
    layout: &[NamedTensor<E>],
    infos: &HashMap<String, &'f TensorInfo>,
    options: &LoadOptions,
) -> Result<Matched<'f>, WeightsError> {
    let mut held: Vec<&String> = infos.keys().collect();
    held.sort_unstable();
    let (mut found, mut origins, mut mismatches) = (HashMap::new(), HashMap::new(), Vec::new());
    for origin in held {
        let name = options.name(origin);
        if let Some(first) = origins.insert(name.clone(), origin) {
            mismatches.push(Mismatch::Twice { name: name.clone(), origins: [first.clone(), origin.clone()] });
        }
        found.insert(name, infos[origin]);
    }
    let names = layout.iter().map(|tensor| tensor.name.as_str());
    let both: Vec<&str> = names.chain(found.keys().map(String::as_str)).collect();
    if let Some((pattern, nearest)) = options.idle(&both) {
        return Err(WeightsError::Pattern { place: place.into(), pattern: pattern.into(), nearest });
    }

    let mut report = LoadReport::default();
    found.retain(|name, _| !pattern::any(&options.skip, name));
    let (skipped, wanted): (Vec<_>, Vec<_>) =
        layout.iter().partition(|tensor| pattern::any(&options.skip, &tensor.name));
    report.skipped = skipped.into_iter().map(|tensor| tensor.name.clone()).collect();
    let counters: HashSet<&str> = wanted.iter().filter(|t| t.is_counter()).map(|t| t.name.as_str()).collect();
    let differences = compare(&wanted, &found, |tensor, info| [shape(tensor, &info.shape), dtype(tensor, info.dtype)]);
    let mut left = Vec::new();
    for mismatch in differences {
        match &mismatch {
            // Files from before PyTorch had counters are whole without.
            Mismatch::Missing { name, .. } if counters.contains(name.as_str()) => {}
            Mismatch::Missing { .. } | Mismatch::Unexpected { .. } if !options.strict => left.push(mismatch),
            Mismatch::Shape { name, .. } if pattern::any(&options.misshapen, name) => left.push(mismatch),
            _ => mismatches.push(mismatch),
        }
    }
    let misfits: HashSet<&str> = left.iter().map(Mismatch::name).collect();
    let loads = |tensor: &NamedTensor<E>| match misfits.contains(tensor.name.as_str()) {
        true => None,
        false => found.get(&tensor.name).copied(),
    };
    let found: Vec<Option<&TensorInfo>> = layout.iter().map(loads).collect();
    let loaded = layout.iter().zip(&found).filter(|(_, found)| found.is_some());
    report.loaded = loaded.map(|(tensor, _)| tensor.name.clone()).collect();
    // A file of which nothing is taken is the wrong one, however tolerant the options are.
    if report.loaded.is_empty() && !layout.is_empty() {
        mismatches.append(&mut left);
        if mismatches.is_empty() {
            return Err(WeightsError::Idle { place: place.into() });
        }
    }
    fits(place, mismatches)?;
    for mismatch in left {
        match mismatch {
            Mismatch::Missing { name, .. } => report.missing.push(name),
            Mismatch::Unexpected { name } => report.unexpected.push(name),
            shape => report.misshapen.push(shape),
        }
    }
    Ok(Matched { found, report })
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
    let layout: Vec<&NamedTensor<E>> = layout.iter().collect();
    let mismatches = compare(&layout, &found, |tensor, found| [shape(tensor, &found.shape), None]);
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Module { network: network.into(), mismatches })
}

/// Everything that is missing, unexpected, or different in the eyes of `look`.
fn compare<E, K: Borrow<str> + Eq + Hash, T>(
    layout: &[&NamedTensor<E>],
    found: &HashMap<K, T>,
    look: impl Fn(&NamedTensor<E>, &T) -> [Option<Mismatch>; 2],
) -> Vec<Mismatch> {
    let known: HashSet<&str> = layout.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut unexpected: Vec<&str> = found.keys().map(Borrow::borrow).collect();
    unexpected.retain(|name| !known.contains(name));
    unexpected.sort_unstable();

    let mut mismatches = Vec::new();
    for &tensor in layout {
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

/// All differences in one error, if there are any.
pub(super) fn fits(place: &str, mismatches: Vec<Mismatch>) -> Result<(), WeightsError> {
    if mismatches.is_empty() { Ok(()) } else { Err(differ(place, mismatches)) }
}

/// Differences as an error.
pub(super) fn differ(place: &str, mismatches: Vec<Mismatch>) -> WeightsError {
    let mend = mend(&mismatches).unwrap_or_else(|| "take the weights of this very network".into());
    WeightsError::Mismatch { place: place.into(), mismatches, mend }
}

/// If most tensors are missing because the names of one side stand under a scope, what to do about it.
fn mend(mismatches: &[Mismatch]) -> Option<String> {
    let (mut missing, mut unexpected) = (HashSet::new(), HashSet::new());
    for mismatch in mismatches {
        match mismatch {
            Mismatch::Missing { name, .. } => missing.insert(name.as_str()),
            Mismatch::Unexpected { name } => unexpected.insert(name.as_str()),
            _ => false,
        };
    }
    // The scope in front of names of `long` without which they are most of `short`.
    let scope = |long: &HashSet<&str>, short: &HashSet<&str>| -> Option<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in long {
            for (end, _) in name.match_indices('.').take(4).filter(|(end, _)| short.contains(&name[end + 1..])) {
                *counts.entry(&name[..end]).or_default() += 1;
            }
        }
        let (scope, count) = counts.into_iter().max_by_key(|&(_, count)| count)?;
        (2 * count > short.len()).then(|| scope.to_owned())
    };
    if let Some(scope) = scope(&unexpected, &missing) {
        return Some(format!("strip {scope} from the file's names"));
    }
    scope(&missing, &unexpected).map(|scope| format!("put {scope} in front of the file's names"))
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
