//! What a study says of its genes, and of where its winner comes from.

use crate::search::history::History;
use crate::search::objective::Score;
use crate::search::study::Study;
use crate::search::trial::Trial;

/// How much a gene decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// Index of the gene.
    pub gene: usize,
    /// Share of the variance of scores that its options explain by themselves, from 0 to 1: omega squared, Hays 1963. The
    /// gene's absence counts as an option.
    pub share: f64,
    /// For each option that was tried: which (none where the gene was inactive), the mean score, the number of trials.
    pub options: Vec<(Option<u16>, f64, usize)>,
}

/// How much each gene decides, the most important first. Of complete trials; the score is the reward, or else the first
/// objective, larger being better.
pub fn importance(study: &Study) -> Vec<Importance> {
    let spec = study.spec();
    let of = |trial: &Trial| {
        crate::search::score(trial, &spec.objectives, spec.reward.as_ref()).map(|score: Score| score.value)
    };
    let scored: Vec<(&Trial, f64)> = study.history().complete().filter_map(|trial| Some((trial, of(trial)?))).collect();
    let mut all: Vec<Importance> = (0..study.domain().genes().len()).map(|gene| of_gene(gene, &scored)).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

fn of_gene(gene: usize, scored: &[(&Trial, f64)]) -> Importance {
    let mut groups: Vec<(Option<u16>, Vec<f64>)> = Vec::new();
    for (trial, value) in scored {
        let option = trial.genome.get(gene);
        match groups.iter_mut().find(|(known, _)| *known == option) {
            Some((_, values)) => values.push(*value),
            None => groups.push((option, vec![*value])),
        }
    }
    groups.sort_by_key(|(option, _)| *option);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let all: Vec<f64> = scored.iter().map(|(_, value)| *value).collect();
    let grand = mean(&all);
    let squares =
        |values: &[f64], around: f64| values.iter().map(|value| (value - around) * (value - around)).sum::<f64>();
    let total = squares(&all, grand);
    let within: f64 = groups.iter().map(|(_, values)| squares(values, mean(values))).sum();
    let (between, free) = ((groups.len() as f64 - 1.0).max(0.0), (all.len() as f64 - groups.len() as f64).max(0.0));
    let noise = if free > 0.0 { within / free } else { 0.0 };
    let share = match total + noise {
        whole if whole > 0.0 && free > 0.0 => ((total - within - between * noise) / whole).clamp(0.0, 1.0),
        _ => 0.0,
    };
    let options = groups.iter().map(|(option, values)| (*option, mean(values), values.len())).collect();
    Importance { gene, share, options }
}

/// A trial and its ancestors by first parents, the oldest first; and all other ancestors, by number.
pub fn lineage<'h>(history: &'h History, trial: &'h Trial) -> (Vec<&'h Trial>, Vec<&'h Trial>) {
    let mut line = vec![trial];
    let mut at = trial;
    // Parents come before their children, so this ends.
    while let Some(parent) =
        at.parents.first().and_then(|&parent| history.get(parent)).filter(|parent| parent.number < at.number)
    {
        line.push(parent);
        at = parent;
    }
    line.reverse();
    let mut open: Vec<&Trial> = vec![trial];
    let mut seen: std::collections::BTreeSet<u64> = line.iter().map(|trial| trial.number).collect();
    let mut others = Vec::new();
    let mut visited: std::collections::BTreeSet<u64> = std::collections::BTreeSet::new();
    while let Some(trial) = open.pop() {
        if !visited.insert(trial.number) {
            continue;
        }
        for parent in trial.parents.iter().filter_map(|&parent| history.get(parent)) {
            if seen.insert(parent.number) {
                others.push(parent);
            }
            open.push(parent);
        }
    }
    others.sort_by_key(|trial| trial.number);
    (line, others)
}
