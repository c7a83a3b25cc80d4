//! Joins: what several branches come to.

use crate::graph::fault::Fault;
use crate::graph::shape::Shape;

/// Of `add`: all sizes are equal.
pub fn equal(inputs: &[Shape]) -> Result<Shape, Fault> {
    let first = inputs[0];
    let Some((index, &other)) = inputs.iter().enumerate().find(|(_, shape)| **shape != first) else {
        return Ok(first);
    };
    let help = match (first, other) {
        (Shape::Map { .. }, Shape::Map { .. }) => projection(first, other),
        (Shape::Vector(_), Shape::Vector(n)) => format!("end both branches with the same number: `linear({n})`"),
        _ => return Err(map_and_vector("add", first, other).branch(index)),
    };
    Err(Fault::new(format!("add joins {first} and {other}")).branch(index).help(help))
}

/// What a shortcut of `second` would need to become `first`, or the other way round.
fn projection(first: Shape, second: Shape) -> String {
    let ([h1, w1], [h2, w2]) = (first.spatial().unwrap_or([1, 1]), second.spatial().unwrap_or([1, 1]));
    let (from, to, [hf, wf], [ht, wt]) =
        if h1 * w1 >= h2 * w2 { (first, second, [h1, w1], [h2, w2]) } else { (second, first, [h2, w2], [h1, w1]) };
    let (sh, sw) = (hf.div_ceil(ht), wf.div_ceil(wt));
    // A few pixels less are a window without padding, not a stride.
    if hf.div_ceil(2) < ht && wf.div_ceil(2) < wt && (hf, wf) != (ht, wt) {
        return format!("keep the size on the way to {to}: `pad = same`, or crop {from}");
    }
    if hf.div_ceil(sh) != ht || wf.div_ceil(sw) != wt {
        return format!("bring {from} and {to} to one size: check stride and padding of the two branches");
    }
    let stride = match (sh, sw) {
        (1, 1) => String::new(),
        (a, b) if a == b => format!(", stride = {a}"),
        (a, b) => format!(", stride = {a}x{b}"),
    };
    let (from, to) = if from.channels() == to.channels() && stride.is_empty() { (second, first) } else { (from, to) };
    format!("give the shortcut of {from} a projection: conv({}, 1{stride})", to.channels())
}

/// Of `concat`: channels add up.
pub fn channels(inputs: &[Shape]) -> Result<Shape, Fault> {
    let first = inputs[0];
    let mut channels = 0usize;
    for (index, shape) in inputs.iter().enumerate() {
        if shape.spatial() != first.spatial() {
            return Err(match (first.spatial(), shape.spatial()) {
                (Some(_), Some(_)) => {
                    Fault::new(format!("concat joins {first} and {shape}, whose height and width differ"))
                        .help("give both branches the same strides and padding (`pad = same`)")
                }
                _ => map_and_vector("concat", first, *shape),
            }
            .branch(index));
        }
        channels = channels.checked_add(shape.channels()).ok_or_else(|| Fault::new("concat overflows"))?;
    }
    Ok(first.with_channels(channels))
}

/// Of `mul`: an axis of 1 fits any.
pub fn broadcast(inputs: &[Shape]) -> Result<Shape, Fault> {
    let mut joined = inputs[0];
    for (index, &shape) in inputs.iter().enumerate().skip(1) {
        joined = broadcast_two(joined, shape).ok_or_else(|| {
            Fault::new(format!("mul joins {joined} and {shape}"))
                .branch(index)
                .help("sizes must be equal or 1 on each axis: adaptive_avgpool(1) makes C x 1 x 1")
        })?;
    }
    Ok(joined)
}

fn broadcast_two(a: Shape, b: Shape) -> Option<Shape> {
    let axis = |a: usize, b: usize| {
        if a == b || b == 1 {
            Some(a)
        } else if a == 1 {
            Some(b)
        } else {
            None
        }
    };
    match (a, b) {
        (Shape::Vector(a), Shape::Vector(b)) => axis(a, b).map(Shape::Vector),
        (map @ Shape::Map { channels, .. }, Shape::Vector(n))
        | (Shape::Vector(n), map @ Shape::Map { channels, .. }) => (n == channels).then_some(map),
        (Shape::Map { channels: ca, height: ha, width: wa }, Shape::Map { channels: cb, height: hb, width: wb }) => {
            Some(Shape::map(axis(ca, cb)?, axis(ha, hb)?, axis(wa, wb)?))
        }
    }
}

/// A feature map and a vector in one `add` or `concat`.
fn map_and_vector(word: &str, first: Shape, other: Shape) -> Fault {
    let named = |shape: Shape| match shape {
        Shape::Map { .. } => format!("a feature map of {shape}"),
        Shape::Vector(length) => format!("a vector of {length}"),
    };
    Fault::new(format!("{word} joins {} and {}", named(first), named(other)))
        .help("all branches must be feature maps or all vectors: put gap or flatten in one of them")
}
