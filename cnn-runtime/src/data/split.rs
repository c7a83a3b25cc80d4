//! Parts of a data set.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The items without and with a share of each class, drawn from `seed`; both in their order. Of a class of two items or more
/// at least one is on each side, where `share` is above 0.
pub(super) fn stratified(labels: &[usize], items: &[usize], share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let classes = items.iter().map(|&item| labels[item] + 1).max().unwrap_or(0);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); classes];
    items.iter().for_each(|&item| members[labels[item]].push(item));
    let (mut rest, mut drawn) = (Vec::new(), Vec::new());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for mut members in members {
        members.shuffle(&mut rng);
        let most = members.len().saturating_sub(1);
        let least = usize::from(share > 0.0).min(most);
        let count = ((members.len() as f64 * share).round() as usize).clamp(least, most);
        rest.extend(members.split_off(count));
        drawn.extend(members);
    }
    rest.sort_unstable();
    drawn.sort_unstable();
    (rest, drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_every_class_is_drawn() {
        let labels: Vec<usize> = (0..1000).map(|i| if i % 10 == 0 { 1 } else { 0 }).chain([2, 3, 3]).collect();
        let every: Vec<usize> = (0..labels.len()).collect();
        let (rest, drawn) = stratified(&labels, &every, 0.2, 7);
        let count = |items: &[usize], class| items.iter().filter(|&&item| labels[item] == class).count();
        assert_eq!((0..4).map(|class| count(&drawn, class)).collect::<Vec<_>>(), [180, 20, 0, 1]);
        let mut both = [rest.clone(), drawn.clone()].concat();
        both.sort_unstable();
        assert_eq!(both, every);
        assert_eq!(stratified(&labels, &every, 0.2, 7), (rest.clone(), drawn));
        assert_ne!(stratified(&labels, &every, 0.2, 8).0, rest);
        assert_eq!(stratified(&labels, &every, 0.0, 7), (every, Vec::new()));
    }
}
