//! History, fronts, importance, lineage.

use std::fmt::Write;

use super::analysis::{importance as importances, lineage as ancestors};
use super::plot::{Chart, escape, number};
use crate::search::objective::{Objective, score};
use crate::search::study::Study;
use crate::search::trial::{State, Trial};

/// An objective as an axis says it, with its unit.
pub(super) fn axis(objective: &str) -> &str {
    match objective {
        "accuracy" => "accuracy (share of held-out images)",
        "loss" => "loss on held-out images (nats)",
        "latency" => "latency of one image (ms)",
        "predicted_latency" => "predicted latency of one image (ms)",
        "params" => "parameters",
        "macs" => "multiply-adds of one image",
        "activations" => "activations of one image (bytes)",
        "synflow" => "synflow (natural logarithm)",
        other => other,
    }
}

/// What trainings from other seeds say of the most promising members.
pub(super) fn confirmed(study: &Study) -> String {
    let confirmed = study.confirmed();
    if confirmed.is_empty() {
        return String::new();
    }
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut rows = String::new();
    for (place, one) in confirmed.iter().enumerate() {
        let Some(trial) = study.history().get(one.trial) else { continue };
        // Writing to a text does not fail.
        let _ = writeln!(
            rows,
            "<tr{}><td>{}</td><td>{}</td><td>{} &plusmn; {:.2}</td><td>{}</td><td><code>{}</code></td></tr>",
            if place == 0 { " class=\"front\"" } else { "" },
            one.trial,
            one.trainings,
            percent(one.test),
            100.0 * one.spread,
            percent(one.accuracy),
            trial.genome
        );
    }
    format!(
        "<table><tr><th>trial</th><th>trainings</th><th>test images</th><th>held-out images</th><th>genome</th></tr>\n{rows}</table>"
    )
}

fn title(trial: &Trial, objectives: &[Objective]) -> String {
    let values =
        objectives.iter().zip(&trial.values).map(|(objective, &value)| format!("{} {}", objective.name, number(value)));
    let values: Vec<String> = values.collect();
    format!(
        "trial {}: {} {}",
        trial.number,
        if values.is_empty() { trial.state.word().to_owned() } else { values.join(", ") },
        trial.genome
    )
}

/// The first objective by trial.
pub(super) fn history(study: &Study) -> String {
    let spec = study.spec();
    let Some(objective) = spec.objectives.first() else { return String::new() };
    let trials = study.history().trials();
    let shown = |trial: &Trial| match trial.state {
        State::Complete => trial.values.first().copied(),
        State::Pruned => trial.reports.last().map(|&(_, value)| value),
        State::Waiting | State::Running | State::Failed => None,
    };
    if !trials.iter().any(|trial| shown(trial).is_some()) {
        return String::new();
    }
    let numbers = trials.iter().map(|trial| trial.number as f64);
    let mut chart =
        Chart::new(["number of the trial", axis(&objective.name)], 360.0, numbers, trials.iter().filter_map(shown));
    let mut best: Vec<(f64, f64)> = Vec::new();
    for trial in trials {
        let (x, title) = (trial.number as f64, title(trial, &spec.objectives));
        match (trial.state, shown(trial)) {
            (State::Complete, Some(value)) => {
                chart.dot("dot", x, value, 3.5, &title);
                if best.last().is_none_or(|&(_, best)| objective.better(value, best)) {
                    best.push((x, value));
                }
            }
            (State::Pruned, Some(value)) => chart.dot("hollow", x, value, 3.0, &title),
            (State::Failed, _) => chart.cross(x, &format!("{title} {}", trial.note.as_deref().unwrap_or_default())),
            _ => {}
        }
    }
    if let (Some(&(_, value)), Some(last)) = (best.last(), trials.last()) {
        best.push((last.number as f64, value));
    }
    chart.line("bestline", &best, true);
    chart.end()
}

/// Two objectives against each other.
pub(super) fn pareto(study: &Study, first: usize, second: usize) -> String {
    let spec = study.spec();
    let (Some(a), Some(b)) = (spec.objectives.get(first), spec.objectives.get(second)) else { return String::new() };
    let complete: Vec<&Trial> = study.history().complete().collect();
    if complete.is_empty() {
        return String::new();
    }
    let of = |trial: &Trial, index: usize| trial.values.get(index).copied().unwrap_or(f64::NAN);
    let mut chart = Chart::new(
        [axis(&b.name), axis(&a.name)],
        400.0,
        complete.iter().map(|trial| of(trial, second)),
        complete.iter().map(|trial| of(trial, first)),
    );
    let front = study.front();
    let best = study.best().map(|trial| trial.number);
    let mut points: Vec<(f64, f64)> = front.iter().map(|trial| (of(trial, second), of(trial, first))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if spec.objectives.len() == 2 {
        chart.line("line", &points, true);
    }
    for trial in &complete {
        let on = front.iter().any(|other| other.number == trial.number);
        let class = match () {
            () if Some(trial.number) == best => "best",
            () if on => "dot",
            () => "faint",
        };
        chart.dot(
            class,
            of(trial, second),
            of(trial, first),
            if on { 5.0 } else { 3.5 },
            &title(trial, &spec.objectives),
        );
    }
    chart.end()
}

/// Bars of the most important genes, and their options.
pub(super) fn importance(study: &Study) -> String {
    const MOST: usize = 20;
    let genes = study.domain().genes();
    let all = importances(study);
    if all.is_empty() || study.history().count(State::Complete) < 3 {
        return String::new();
    }
    let minimised = study.spec().reward.is_none()
        && study.spec().objectives.first().is_some_and(|objective| objective.loss(1.0) > 0.0);
    let mut rows = String::new();
    for importance in all.iter().take(MOST) {
        let gene = &genes[importance.gene];
        let best = importance.options.iter().map(|(_, mean, _)| *mean).fold(f64::MIN, f64::max);
        let options = importance.options.iter().map(|(option, mean, count)| {
            let name = option.and_then(|option| gene.options.get(usize::from(option))).map_or("–", String::as_str);
            let shown = number(if minimised { -mean } else { *mean });
            let text = format!("{} {shown} <i>×{count}</i>", escape(name));
            if *mean == best { format!("<b>{text}</b>") } else { text }
        });
        let options = options.collect::<Vec<_>>().join(" · ");
        let width = 160.0 * importance.share;
        // Writing to a text does not fail.
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{:.0} %</td><td><svg viewBox=\"0 0 160 12\" style=\"width:160px;margin:.2rem 0\">\
             <rect class=\"bar\" width=\"{width:.1}\" height=\"12\" rx=\"2\"/></svg></td><td>{options}</td></tr>",
            escape(&gene.name),
            100.0 * importance.share
        );
    }
    let more = all.len().saturating_sub(MOST);
    let more =
        if more > 0 { format!("<p class=\"note\">{more} more genes are less important.</p>") } else { String::new() };
    format!("<table><tr><th>gene</th><th>share</th><th></th><th>options</th></tr>\n{rows}</table>{more}")
}

/// The best trial's ancestors.
pub(super) fn lineage(study: &Study) -> String {
    let (spec, history) = (study.spec(), study.history());
    let Some(best) = study.best() else { return String::new() };
    let (line, others) = ancestors(history, best);
    if line.len() < 2 {
        return format!("<p>Trial {} has no ancestors: it was drawn ({}).</p>", best.number, escape(&best.origin));
    }
    let value = |trial: &Trial| {
        score(trial, &spec.objectives, spec.reward.as_ref()).map(|_| trial.values.first().copied()).unwrap_or_default()
    };
    let known = || line.iter().chain(&others).filter(|trial| value(trial).is_some());
    let objective = spec.objectives.first().map_or("", |objective| objective.name.as_str());
    let mut chart = Chart::new(
        ["number of the trial", axis(objective)],
        300.0,
        known().map(|trial| trial.number as f64),
        known().filter_map(|trial| value(trial)),
    );
    let at = |trial: &Trial| Some((trial.number as f64, value(trial)?));
    for child in known() {
        for parent in child.parents.iter().filter_map(|&parent| history.get(parent)) {
            if let (Some(from), Some(to)) = (at(parent), at(child)) {
                chart.line("edge", &[from, to], false);
            }
        }
    }
    let main: Vec<(f64, f64)> = line.iter().filter_map(|trial| at(trial)).collect();
    chart.line("bestline", &main, false);
    for trial in known() {
        let class = if trial.number == best.number { "best" } else { "dot" };
        if let Some((x, y)) = at(trial) {
            chart.dot(class, x, y, 4.0, &title(trial, &spec.objectives));
        }
    }
    let genes = study.domain().genes();
    let name = |gene: usize, option: Option<u16>| {
        option
            .and_then(|option| genes[gene].options.get(usize::from(option)))
            .map_or("–".to_owned(), |name| escape(name))
    };
    let mut rows = String::new();
    for (index, trial) in line.iter().enumerate() {
        let changed = match index.checked_sub(1).map(|before| line[before]) {
            None => escape(&trial.origin),
            Some(parent) => {
                let differs = (0..genes.len()).filter(|&gene| parent.genome.get(gene) != trial.genome.get(gene));
                let change = |gene| {
                    let (from, to) = (name(gene, parent.genome.get(gene)), name(gene, trial.genome.get(gene)));
                    format!("{}: {from} → {to}", escape(&genes[gene].name))
                };
                differs.map(change).collect::<Vec<_>>().join(", ")
            }
        };
        let shown = value(trial).map_or(String::new(), number);
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{shown}</td><td>{}</td><td>{changed}</td></tr>",
            trial.number,
            escape(&trial.origin)
        );
    }
    format!(
        "{}<table><tr><th>trial</th><th>{}</th><th>origin</th><th>changed</th></tr>\n{rows}</table>",
        chart.end(),
        escape(objective)
    )
}
