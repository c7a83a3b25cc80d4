//! `report.html` of a run's folder: everything about it on one page, which opens without a network, light or dark.

mod chart;
mod classes;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::assessment::Assessment;
use super::error::TrainError;
use super::folder::Run;
use super::metrics::{EpochRecord, Record, StepRecord, records};
use chart::{Axes, Line, lines, number};

const STYLE: &str = include_str!("report/style.css");

impl Run {
    /// Writes `report.html` from the other files of the folder, and says where.
    ///
    /// # Errors
    /// If a file that it tells of is damaged, or the page cannot be written.
    pub fn report(&self) -> Result<std::path::PathBuf, TrainError> {
        let all = records(&self.path("metrics.jsonl"))?;
        let names = self.facts()?.map(|facts| facts.names).unwrap_or_default();
        let page = page(self, &all, self.assessment()?.as_ref(), &names)?;
        self.replace("report.html", page.as_bytes())?;
        Ok(self.path("report.html"))
    }
}

fn page(run: &Run, all: &[Record], assessment: Option<&Assessment>, names: &[String]) -> Result<String, TrainError> {
    let graph = run.graph()?;
    let settings = run.settings();
    let (mut steps, mut epochs, mut back): (Vec<&StepRecord>, Vec<&EpochRecord>, Vec<String>) = Default::default();
    for record in all {
        match record {
            Record::Step(step) => steps.push(step),
            Record::Epoch(epoch) => epochs.push(epoch),
            Record::Rollback(r) => back.push(format!(
                "After step {} it went back to step {} and on with {} of the learning rate: {}.",
                r.from, r.step, r.rate_factor, r.reason
            )),
        }
    }
    let mut out = String::new();
    let network = escaped(&settings.network);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{network} on {data}</title><style>{STYLE}</style></head>\
         <body><main><h1>{network}</h1><p class=\"sub\">{data} · {input} → {output} · epoch {done} of {epochs}</p>",
        data = escaped(&settings.data.to_string()),
        input = graph.input_shape(),
        output = graph.output_shape(),
        done = epochs.last().map_or(0, |epoch| epoch.epoch),
        epochs = settings.epochs,
    );
    out.push_str(&tiles(&graph, &epochs, assessment));
    for text in back {
        let _ = write!(out, "<p class=\"soft\">{}</p>", escaped(&text));
    }
    out.push_str(&curves(&steps, &epochs));
    if let Some(assessment) = assessment {
        out.push_str(&classes::sections(assessment, names));
    }
    let picture = STANDARD.encode(crate::export::svg(&graph, &settings.network));
    let _ = write!(
        out,
        "<h2>Network</h2><div class=\"picture\"><img alt=\"{network}\" src=\"data:image/svg+xml;base64,{picture}\"></div>\
         <details><summary>its source</summary><pre>{}</pre></details>",
        escaped(run.source().trim())
    );
    let mut rows = String::new();
    if let Ok(value) = serde_json::to_value(settings) {
        setting(&mut rows, "", &value);
    }
    let _ = write!(
        out,
        "<h2>Settings</h2><div class=\"scroll\"><table class=\"texts\">{rows}</table></div><h2>Files</h2><div \
         class=\"scroll\"><table class=\"texts\">{}</table></div>",
        files(run)
    );
    out.push_str("</main></body></html>\n");
    Ok(out)
}

/// What a reader looks for first.
fn tiles(graph: &cnn_lang::graph::Graph, epochs: &[&EpochRecord], assessment: Option<&Assessment>) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut tiles: Vec<(String, String)> = Vec::new();
    if let Some(last) = epochs.last() {
        tiles.push((percent(last.test_accuracy()), "test accuracy".into()));
        let best = epochs.iter().rev().max_by(|a, b| a.test_accuracy().total_cmp(&b.test_accuracy()));
        tiles.extend(best.map(|best| (percent(best.test_accuracy()), format!("best, epoch {}", best.epoch))));
        tiles.extend(last.top5.map(|top5| (percent(top5), "top-5 accuracy".into())));
        tiles.push((format!("{:.4}", last.test_loss()), "test loss".into()));
        tiles.push((percent(last.calibration_error), "calibration error".into()));
    }
    tiles.push((cnn_lang::graph::readable(graph.costs().params), "parameters".into()));
    tiles.extend(assessment.map(|assessment| (assessment.images.to_string(), "test images".into())));
    tiles.extend(epochs.last().map(|last| (time(last.seconds), format!("{} steps", last.step))));
    let tile = |(value, name): (String, String)| format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>");
    format!("<div class=\"tiles\">{}</div>", tiles.into_iter().map(tile).collect::<String>())
}

fn curves(steps: &[&StepRecord], epochs: &[&EpochRecord]) -> String {
    // Steps of an epoch, so that both kinds of lines have one axis.
    let per_epoch = epochs.first().map_or(1.0, |first| first.step as f64 / first.epoch as f64).max(1.0);
    let scale = if epochs.is_empty() { 1.0 } else { per_epoch };
    let x = if epochs.is_empty() { "step" } else { "epoch" };
    let line = |name, class, of: &dyn Fn(&StepRecord) -> f64| {
        let points = steps.iter().map(|step| (step.step as f64 / scale, of(step))).collect();
        Line { name, class, points }
    };
    let whole = |name, class, of: &dyn Fn(&EpochRecord) -> f64| {
        let points = epochs.iter().map(|epoch| (epoch.step as f64 / scale, of(epoch))).collect();
        Line { name, class, points }
    };
    let axes = Axes { x, most: None, percent: false };
    let cards = [
        lines(
            "Loss",
            axes,
            &[
                line("training, as it went", "s1 thin", &|step| step.loss),
                whole("training, by epoch", "s1", &|epoch| epoch.loss),
                whole("test", "s2", &EpochRecord::test_loss),
            ],
        ),
        lines(
            "Accuracy",
            Axes { most: Some(1.0), percent: true, ..axes },
            &[
                line("training, as it went", "s1 thin", &|step| step.accuracy),
                whole("training, by epoch", "s1", &|epoch| epoch.accuracy),
                whole("test", "s2", &EpochRecord::test_accuracy),
            ],
        ),
        match steps.is_empty() {
            false => lines("Learning rate", axes, &[line("of the step", "s3", &|step| step.rate)]),
            true => lines("Learning rate", axes, &[whole("of the epoch's last step", "s3", &|epoch| epoch.rate)]),
        },
        match steps.is_empty() {
            false => lines("Images a second", axes, &[line("training", "s1", &|step| step.images_per_second)]),
            true => lines("Images a second", axes, &[whole("training", "s1", &|epoch| epoch.images_per_second)]),
        },
    ];
    format!("<h2>Curves</h2><div class=\"grid\">{}</div>", cards.concat())
}

/// Rows of a table: names, words of inner ones behind those of outer ones, and values. What is not set is not there.
fn setting(rows: &mut String, name: &str, value: &serde_json::Value) {
    use serde_json::Value;
    let text = match value {
        Value::Null | Value::Bool(false) => return,
        Value::Array(values) if values.is_empty() => return,
        Value::Object(fields) => {
            let inner = |field: &str| [name, &field.replace('_', " ")].join(" ").trim().to_owned();
            return fields.iter().for_each(|(field, value)| setting(rows, &inner(field), value));
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let _ = write!(rows, "<tr><td>{}</td><td>{}</td></tr>", escaped(name), escaped(&text));
}

/// What lies in the folder, with links that work beside the page.
fn files(run: &Run) -> String {
    let told = [
        ("best.safetensors", "weights of the epoch with the best test accuracy"),
        ("weights.safetensors", "weights of the last epoch"),
        ("settings.json", "everything that decides about the numbers"),
        ("network.cnn", "the network's source"),
        ("initial.safetensors", "what the weights began as"),
        ("data.json", "sizes of the data, and what normalised them"),
        ("metrics.jsonl", "a line every few steps, a line an epoch"),
        ("evaluation.json", "the last evaluation in full"),
        ("events.out.tfevents.cnn", "the metrics for TensorBoard"),
        ("curve.svg", "loss and accuracy as a picture"),
        ("checkpoints", "what a training goes on from"),
        ("checksums", "of what the run began with"),
    ];
    let row = |(name, what): (&str, &str)| {
        let size = std::fs::metadata(run.path(name)).ok()?;
        let size = if size.is_dir() { String::new() } else { format!("{} B", cnn_lang::graph::readable(size.len())) };
        Some(format!("<tr><td><a href=\"{name}\">{name}</a></td><td>{size}</td><td>{what}</td></tr>"))
    };
    told.into_iter().filter_map(row).collect()
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", number(s)),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(
            escaped("<script>alert('\"&')</script>"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"
        );
    }
}
