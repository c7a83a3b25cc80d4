//! The nearest name, for `did you mean`.

/// More names than these are not looked through: they were made by a loop.
const CANDIDATES: usize = 200;

/// The candidate closest to `wanted`, if one is close enough to be a slip of the fingers.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().take(CANDIDATES).collect();
    // `padding` for `pad`, `kernel_size` for `kernel`.
    let longer = |candidate: &&str| candidate.len() > 2 && wanted.starts_with(&candidate.to_lowercase());
    let beginning = candidates.iter().copied().filter(longer).max_by_key(|candidate| candidate.len());
    let close = candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + wanted.len().max(candidate.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate);
    close.or(beginning)
}

/// ``did you mean `conv`?``, if one is close enough.
pub fn did_you_mean<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wanted, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_slips_and_nothing_far() {
        let layers = ["conv", "maxpool", "avgpool", "relu"];
        assert_eq!(nearest("cnov", layers), Some("conv"));
        assert_eq!(nearest("max_pool", layers), Some("maxpool"));
        assert_eq!(nearest("MaxPool", layers), Some("maxpool"));
        assert_eq!(nearest("conv2d", layers), Some("conv"));
        assert_eq!(nearest("attention", layers), None);
    }
}
