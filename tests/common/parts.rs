//! Tensors of a network that writes out the paths of a grouped convolution, as slices of the grouped form's.

/// The tensor that `paths.3.conv1.weight` is a part of, `conv1.weight`, and which part it is. None for a whole tensor.
#[must_use]
pub fn whole_of(name: &str) -> Option<(&str, usize)> {
    let (number, whole) = name.strip_prefix("paths.")?.split_once('.')?;
    Some((whole, number.parse().ok()?))
}

/// Part `index` of a tensor that parts of this shape make up along the first axis in which the shapes differ.
///
/// None where the shapes are not those of a whole and its part, or the whole has no such part.
#[must_use]
pub fn part<E: Copy>(whole: &[E], shape: &[usize], part: &[usize], index: usize) -> Option<Vec<E>> {
    if shape.len() != part.len() || whole.len() != shape.iter().product::<usize>() {
        return None;
    }
    let Some(axis) = (0..shape.len()).find(|&axis| shape[axis] != part[axis]) else { return Some(whole.to_vec()) };
    let inner: usize = shape[axis + 1..].iter().product();
    if shape[axis + 1..] != part[axis + 1..] || (index + 1) * part[axis] > shape[axis] {
        return None;
    }
    let rows = whole.chunks_exact(shape[axis] * inner);
    Some(rows.flat_map(|row| &row[index * part[axis] * inner..(index + 1) * part[axis] * inner]).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_slices() {
        assert_eq!(whole_of("paths.12.bn1.running_mean"), Some(("bn1.running_mean", 12)));
        assert_eq!(whole_of("conv3.weight"), None);
        let whole: Vec<u8> = (0..12).collect();
        assert_eq!(part(&whole, &[6, 2], &[2, 2], 1), Some(vec![4, 5, 6, 7]));
        assert_eq!(part(&whole, &[2, 6], &[2, 2], 2), Some(vec![4, 5, 10, 11]));
        assert_eq!(part(&whole, &[12], &[12], 3), Some(whole.clone()));
        assert_eq!(part(&whole, &[2, 6], &[2, 2], 3), None);
        assert_eq!(part(&whole, &[2, 6], &[1, 2], 0), None);
    }
}
