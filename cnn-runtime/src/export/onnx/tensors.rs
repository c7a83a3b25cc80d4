//! Constants of a model and attributes of its operations.

use super::proto::{AttributeProto, AttributeType, DataType, TensorProto};

/// A constant whose values are needed when it is written, one at a time.
pub(super) struct Initializer {
    pub name: String,
    pub dims: Vec<usize>,
    pub data: Data,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Data {
    /// A constant of the model, by its index.
    Constant(usize),
    /// Bits of 32-bit floats, which unlike them can be compared.
    Floats(Vec<u32>),
    /// Sizes, axes, offsets.
    Ints(Vec<i64>),
}

impl Initializer {
    pub fn data_type(&self) -> DataType {
        match self.data {
            Data::Constant(_) | Data::Floats(_) => DataType::Float,
            Data::Ints(_) => DataType::Int64,
        }
    }

    /// Its length in a file.
    pub fn bytes(&self) -> u64 {
        let each = match self.data_type() {
            DataType::Float | DataType::Undefined => 4,
            DataType::Int64 => 8,
        };
        self.dims.iter().fold(each, |bytes, &n| bytes.saturating_mul(n as u64))
    }
}

/// 32-bit floats, little-endian.
pub(super) fn float_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect()
}

/// Sizes as ONNX has them. (None is beyond 2^40, which the language sees to.)
pub(super) fn dims(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| size as i64).collect()
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind.into(), ..Default::default() }
}

pub(super) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { i: Some(value as i64), ..attribute(name, AttributeType::Int) }
}

/// An axis counted from behind.
pub(super) fn last_axis(name: &str) -> AttributeProto {
    AttributeProto { i: Some(-1), ..attribute(name, AttributeType::Int) }
}

pub(super) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto { ints: dims(values), ..attribute(name, AttributeType::Ints) }
}

pub(super) fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { f: Some(value as f32), ..attribute(name, AttributeType::Float) }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.into()), ..attribute(name, AttributeType::String) }
}

/// A tensor of one float.
pub(super) fn one_float(name: &str, value: f64) -> AttributeProto {
    let data_type = DataType::Float.into();
    let tensor = TensorProto { dims: vec![1], data_type, raw_data: float_bytes(&[value]), ..Default::default() };
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::TensorProto) }
}
