//! Parallel coordinates: an axis for each gene, a line for each trial.

use std::fmt::Write;

use super::analysis::importance;
use super::plot::{Scale, escape, number};
use crate::search::objective::score;
use crate::search::study::Study;
use crate::search::trial::Trial;

/// Axes that fit on a page.
const MOST: usize = 14;
/// Lines that can be told apart.
const LINES: usize = 200;

pub(super) fn parallel(study: &Study) -> String {
    let (spec, genes) = (study.spec(), study.domain().genes());
    let mut scored: Vec<(f64, &Trial)> = study
        .history()
        .complete()
        .filter_map(|trial| Some((score(trial, &spec.objectives, spec.reward.as_ref())?.value, trial)))
        .collect();
    if scored.len() < 2 || genes.is_empty() {
        return String::new();
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let left_out = scored.len().saturating_sub(LINES);
    let shown = &scored[left_out..];
    // The most important genes, in the space's order.
    let mut axes: Vec<usize> = importance(study).into_iter().map(|importance| importance.gene).take(MOST).collect();
    axes.sort_unstable();
    let (top, bottom, height) = (78.0, 344.0, 364.0);
    let width = 1000.0;
    let step = (width - 150.0) / axes.len() as f64;
    let x = |axis: usize| 60.0 + step * axis as f64;
    // Inactive below all options, where a gene can be.
    let y = |gene: usize, option: Option<u16>| {
        let last = usize::from(genes[gene].parents.is_empty());
        let places = genes[gene].options.len().saturating_sub(last) as f64;
        let place = option.map_or(places, f64::from);
        top + (bottom - top) * place / places.max(1.0)
    };
    let end = x(axes.len());
    let values = Scale::over(shown.iter().map(|(value, _)| *value), bottom, top);
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"parallel coordinates\">\n");
    for (rank, (value, trial)) in shown.iter().enumerate() {
        let mut path = String::new();
        for (axis, &gene) in axes.iter().enumerate() {
            // Lines through one option do not hide each other. Writing to a text does not fail.
            let aside = 7.0 * (rank as f64 / shown.len() as f64 - 0.5);
            let _ = write!(
                path,
                "{}{:.1} {:.1}",
                if axis == 0 { "M" } else { "L" },
                x(axis),
                y(gene, trial.genome.get(gene)) + aside
            );
        }
        let _ = write!(path, "L{end:.1} {:.1}", values.at(*value));
        let best = rank + 1 == shown.len();
        let share = (rank + 1) as f64 / shown.len() as f64;
        let (class, opacity) = if best { ("bestline", 1.0) } else { ("path", 0.06 + 0.74 * share * share * share) };
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" opacity=\"{opacity:.2}\" d=\"{path}\"><title>trial {}: {}</title></path>",
            trial.number,
            number(*value)
        );
    }
    for (axis, &gene) in axes.iter().enumerate() {
        let at = x(axis);
        let _ = writeln!(svg, "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>");
        let name = shortened(&genes[gene].name, 22);
        let _ = writeln!(
            svg,
            "<text class=\"name\" transform=\"translate({at:.1} {}) rotate(-24)\"><title>{}</title>{}</text>",
            top - 22.0,
            escape(&genes[gene].name),
            escape(&name)
        );
        for (option, text) in genes[gene].options.iter().enumerate() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                at + 6.0,
                // Above the lines that go through it.
                y(gene, Some(option as u16)) - 7.0,
                escape(&shortened(text, (step / 7.0) as usize))
            );
        }
        if !genes[gene].parents.is_empty() {
            let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">–</text>", at + 6.0, bottom - 7.0);
        }
    }
    for tick in values.ticks(6) {
        let _ =
            writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", end + 8.0, values.at(tick) + 4.0, number(tick));
    }
    let _ = writeln!(svg, "<line class=\"grid\" x1=\"{end:.1}\" x2=\"{end:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>");
    let result =
        if spec.reward.is_some() { "reward" } else { spec.objectives.first().map_or("", |objective| &objective.name) };
    let _ = writeln!(
        svg,
        "<text class=\"name\" transform=\"translate({end:.1} {}) rotate(-24)\">{}</text>",
        top - 22.0,
        escape(result)
    );
    svg.push_str("</svg>\n");
    let mut notes = Vec::new();
    if genes.len() > axes.len() {
        notes.push(format!("the {} most important of {} genes", axes.len(), genes.len()));
    }
    if left_out > 0 {
        notes.push(format!("the best {LINES} of {} trials", scored.len()));
    }
    let minimised = spec.reward.is_none() && spec.objectives.first().is_some_and(|objective| objective.loss(1.0) > 0.0);
    if minimised {
        notes.push(format!("{} is minimised: its axis shows it negative", escape(result)));
    }
    if !notes.is_empty() {
        let _ = write!(svg, "<p class=\"note\">Shown: {}.</p>", notes.join("; "));
    }
    svg
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most.max(3) {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.max(3) - 1).collect();
    format!("{kept}…")
}
