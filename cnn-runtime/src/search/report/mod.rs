//! A study as one HTML page: no script, nothing fetched, light and dark.

mod analysis;
mod parallel;
mod plot;
mod views;

use super::objective::score;
use super::study::Study;
use super::trial::{State, Trial};

pub use analysis::{Importance, importance, lineage};
use plot::{escape, number};

/// The page: what was searched and found, history, Pareto plots, importance of genes, parallel coordinates, the winner's
/// lineage, all trials.
pub fn report(study: &Study) -> String {
    let spec = study.spec();
    let mut page = String::with_capacity(1 << 16);
    let title = format!("Search over {}", escape(&spec.space));
    page.push_str(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n"
    ));
    page.push_str(&summary(study));
    let mut section = |heading: &str, note: &str, body: String| {
        if !body.is_empty() {
            page.push_str(&format!(
                "<section>\n<h2>{heading}</h2>\n<p class=\"note\">{note}</p>\n{body}\n</section>\n"
            ));
        }
    };
    section(
        "Trained again",
        "The most promising members, trained from seeds that had no part in finding them: means of these trainings, and the standard deviation \
         between them. The first by held-out images wins; the test images choose nothing.",
        views::confirmed(study),
    );
    section(
        "History",
        "Each dot a trial; the line is the best so far. Hollow: pruned, at its last report. Crosses: failed.",
        views::history(study),
    );
    let pairs: String = (1..spec.objectives.len()).map(|other| views::pareto(study, 0, other)).collect();
    section("Pareto front", "Trials that none is better than in every way are filled and joined.", pairs);
    section(
        "Importance of genes",
        "Share of the variance among complete trials that a gene's options explain by themselves (&omega;&sup2;, Hays 1963), and the \
         mean result of each option, with the number of trials. What a sampler tried is no fair sample: read it as a hint.",
        views::importance(study),
    );
    section(
        "Parallel coordinates",
        "A line for each complete trial through its options; the better, the stronger. The best is red.",
        parallel::parallel(study),
    );
    section("Lineage of the best", "From whom it descends, and which genes changed on the way.", views::lineage(study));
    section("Trials", "", trials(study));
    page.push_str("</body>\n</html>\n");
    page
}

fn summary(study: &Study) -> String {
    let (spec, history) = (study.spec(), study.history());
    let count = |state| history.count(state);
    let objectives = spec.objectives.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut tiles = vec![
        (history.len().to_string(), "trials".to_owned()),
        (count(State::Complete).to_string(), "complete".to_owned()),
        (count(State::Pruned).to_string(), "pruned".to_owned()),
        (count(State::Failed).to_string(), "failed".to_owned()),
    ];
    if let Some(first) = study.confirmed().first() {
        tiles.push((format!("{:.2} %", 100.0 * first.test), "winner&rsquo;s accuracy on test images".to_owned()));
    }
    if let Some(best) = study.best() {
        let values = spec.objectives.iter().zip(&best.values);
        tiles.extend(
            values.map(|(objective, &value)| (number(value), format!("best trial's {}", escape(&objective.name)))),
        );
    }
    let seconds: f64 = history.told().filter_map(Trial::seconds).sum();
    tiles.push((duration(seconds), "spent on trials".to_owned()));
    let tiles: String = tiles
        .iter()
        .map(|(value, name)| format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>"))
        .collect();
    let reward = spec.reward.as_ref().map(|reward| format!("; reward <code>{}</code>", escape(&reward.to_string())));
    format!(
        "<p class=\"note\">Objectives <code>{}</code>; sampler <code>{}</code>; pruner <code>{}</code>; seed {}{}</p>\n\
         <div class=\"tiles\">{tiles}</div>\n{}",
        escape(&objectives),
        escape(&spec.sampler.to_string()),
        escape(&spec.pruner.to_string()),
        spec.seed,
        reward.unwrap_or_default(),
        winner(study),
    )
}

/// The winner's options.
fn winner(study: &Study) -> String {
    let Some(best) = study.winner() else { return "<p>No trial is complete.</p>".to_owned() };
    let options = study.domain().genes().iter().zip(&best.genome.0).filter_map(|(gene, option)| {
        let option = gene.options.get(usize::from((*option)?))?;
        Some(format!("<span class=\"gene\"><i>{}</i> {}</span>", escape(&gene.name), escape(option)))
    });
    format!(
        "<p>{}: trial {} <code>{}</code></p>\n<div class=\"genes\">{}</div>\n",
        if study.confirmed().is_empty() { "Best" } else { "Winner" },
        best.number,
        best.genome,
        options.collect::<String>()
    )
}

fn trials(study: &Study) -> String {
    let spec = study.spec();
    let front: Vec<u64> = study.front().iter().map(|trial| trial.number).collect();
    let names: String =
        spec.objectives.iter().map(|objective| format!("<th>{}</th>", escape(&objective.name))).collect();
    let mut all: Vec<&Trial> = study.history().trials().iter().collect();
    all.sort_by(|a, b| {
        let of = |trial| score(trial, &spec.objectives, spec.reward.as_ref());
        match (of(a), of(b)) {
            (Some(a), Some(b)) => b.compare(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    });
    let row = |trial: &&Trial| {
        let values: String = match trial.state {
            State::Complete => trial.values.iter().map(|&value| format!("<td>{}</td>", number(value))).collect(),
            _ => {
                let last = trial
                    .reports
                    .last()
                    .map_or(String::new(), |&(step, value)| format!("{} at step {step}", number(value)));
                let why = trial.note.as_deref().unwrap_or(&last);
                format!("<td colspan=\"{}\">{}</td>", spec.objectives.len(), escape(why))
            }
        };
        let class = if front.contains(&trial.number) { " class=\"front\"" } else { "" };
        let seconds = trial.seconds().map_or(String::new(), |seconds| format!("{seconds:.1} s"));
        format!(
            "<tr{class}><td>{}</td><td>{}</td>{values}<td><code>{}</code></td><td>{}</td><td>{seconds}</td></tr>\n",
            trial.number,
            trial.state,
            trial.genome,
            escape(&trial.origin)
        )
    };
    let rows: String = all.iter().map(row).collect();
    format!(
        "<details><summary>All {} trials, the best first</summary>\n<table><tr><th>trial</th><th>state</th>{names}<th>genome</th>\
         <th>origin</th><th>time</th></tr>\n{rows}</table></details>",
        all.len()
    )
}

/// As people say it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

const STYLE: &str = "
:root{color-scheme:light dark;--page:#fcfcfb;--ink:#20201e;--dim:#6c6b66;--line:#e2e1db;--card:#f3f2ee;--dot:#2a78d6;--best:#d1403f;--soft:#9ec5f4}
@media (prefers-color-scheme:dark){:root{--page:#191918;--ink:#f0efea;--dim:#a3a29b;--line:#383835;--card:#242422;--dot:#5598e7;--best:#f07a6d;--soft:#4478ae}}
*{box-sizing:border-box}
body{background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:2rem auto;padding:0 1.2rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .2rem}
.note{color:var(--dim);margin:.1rem 0 .8rem;max-width:76ch}
code{font:.9em ui-monospace,monospace;background:var(--card);padding:.05em .35em;border-radius:4px;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}
.tile{background:var(--card);border-radius:8px;padding:.55rem .9rem;min-width:6.2rem}.tile b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}.tile span{color:var(--dim);font-size:.85rem}
.genes{display:flex;flex-wrap:wrap;gap:.35rem}.gene{background:var(--card);border-radius:5px;padding:.1rem .5rem;font-size:.88rem}.gene i{color:var(--dim);font-style:normal}
svg{display:block;width:100%;height:auto;margin:.4rem 0 1rem;font:12px system-ui,sans-serif}
svg text{fill:var(--dim);paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}svg text.name{fill:var(--ink)}svg .grid{stroke:var(--line)}svg .dot{fill:var(--dot)}svg .faint{fill:var(--soft)}svg .hollow{fill:none;stroke:var(--dim)}
svg .best{fill:var(--best)}svg .line{fill:none;stroke:var(--dot);stroke-width:2}svg .bestline{fill:none;stroke:var(--best);stroke-width:2.2}svg .cross{stroke:var(--dim)}svg .bar{fill:var(--dot)}svg .path{fill:none;stroke:var(--dot)}svg .edge{stroke:var(--soft);fill:none}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:100%}th{text-align:left;color:var(--dim);font-weight:500}th,td{padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top}tr.front td:first-child{font-weight:700;color:var(--dot)}
details summary{cursor:pointer;color:var(--dim)}
";

#[cfg(test)]
mod tests;
