//! What an evaluation says of classes and images.

use std::fmt::Write;

use super::chart::calibration;
use super::escaped;
use crate::train::assessment::{Assessment, Example};
use crate::train::quality::BINS;

/// A matrix of more classes cannot be read.
const MOST_CELLS: usize = 25;
/// Rows of a table that is not folded.
const OPEN: usize = 30;
/// Letters of a class's name that fit on a column of the matrix; longer ones stand upright.
const LYING: usize = 3;

/// What classes are called, as HTML.
struct Names<'n>(&'n [String]);

impl Names<'_> {
    fn of(&self, class: usize) -> String {
        self.0.get(class).map_or_else(|| class.to_string(), |name| escaped(name))
    }
}

/// Confusion, classes, calibration, worst images.
pub(super) fn sections(assessment: &Assessment, names: &[String]) -> String {
    let names = &Names(names);
    let confusion = match assessment.confusion.classes <= MOST_CELLS {
        true => matrix(assessment, names),
        false => pairs(assessment, names),
    };
    let bins: Vec<(f64, f64, f64)> = assessment
        .calibration
        .bins
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.images > 0)
        .map(|(i, bin)| {
            let images = bin.images as f64;
            (i as f64 / BINS as f64, bin.confidence / images, bin.correct as f64 / images)
        })
        .collect();
    format!(
        "<h2>Classes</h2><div class=\"grid\">{confusion}{}</div>{}{}",
        calibration("Calibration", &bins),
        table(assessment, names),
        worst(&assessment.worst, names),
    )
}

fn matrix(assessment: &Assessment, names: &Names) -> String {
    let confusion = &assessment.confusion;
    let long = names.0.iter().any(|name| name.chars().count() > LYING);
    let mut rows = format!("<tr{}><th></th>", if long { " class=\"up\"" } else { "" });
    (0..confusion.classes).for_each(|class| _ = write!(rows, "<th><span>{}</span></th>", names.of(class)));
    rows.push_str("</tr>");
    for class in 0..confusion.classes {
        let counts: Vec<usize> = (0..confusion.classes).map(|taken| confusion.count(class, taken)).collect();
        let all = counts.iter().sum::<usize>().max(1) as f64;
        let _ = write!(rows, "<tr><th>{}</th>", names.of(class));
        for (taken, count) in counts.into_iter().enumerate() {
            let share = count as f64 / all;
            // Few mistakes are to be seen too.
            let (kind, strength) = if taken == class { ("h", 0.85 * share) } else { ("m", 0.9 * share.sqrt()) };
            let text = if count > 0 { count.to_string() } else { String::new() };
            let title = format!("{count} of {} taken for {}", names.of(class), names.of(taken));
            let _ = write!(rows, "<td class=\"{kind}\" style=\"--a:{strength:.2}\" title=\"{title}\">{text}</td>");
        }
        rows.push_str("</tr>");
    }
    format!(
        "<div class=\"card\"><h3>Confusion matrix</h3><div class=\"key\">rows: class; columns: what its images were taken \
         for</div><div class=\"scroll\"><table class=\"heat\">{rows}</table></div></div>"
    )
}

/// Which classes are taken for which most often.
fn pairs(assessment: &Assessment, names: &Names) -> String {
    let mut mistakes: Vec<[usize; 3]> =
        assessment.confusion.cells.iter().copied().filter(|[class, taken, _]| class != taken).collect();
    mistakes.sort_by_key(|&[class, taken, count]| (std::cmp::Reverse(count), class, taken));
    let rows: String = mistakes
        .iter()
        .take(10)
        .map(|&[class, taken, count]| {
            format!("<tr><td>{}</td><td>{}</td><td>{count}</td></tr>", names.of(class), names.of(taken))
        })
        .collect();
    format!(
        "<div class=\"card\"><h3>Taken for each other most often</h3><table class=\"wide\"><tr><th>class</th><th>taken \
         for</th><th>images</th></tr>{rows}</table></div>"
    )
}

fn table(assessment: &Assessment, names: &Names) -> String {
    let percent = |share: Option<f64>| share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share));
    let mut rows = String::new();
    for class in &assessment.classes {
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            names.of(class.class),
            class.images,
            percent(class.precision),
            percent(class.recall),
            percent(class.f1())
        );
    }
    let open = if assessment.classes.len() <= OPEN { " open" } else { "" };
    format!(
        "<details{open}><summary>Precision and recall of {} classes</summary><div class=\"scroll\"><table class=\"wide\"><tr>\
         <th>class</th><th>images</th><th>precision</th><th>recall</th><th>F1</th></tr>{rows}</table></div></details>",
        assessment.classes.len()
    )
}

fn worst(examples: &[Example], names: &Names) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let figure = |Example { of, png }: &Example| {
        // Base64 is nothing but letters, digits, `+`, `/` and `=`; a file may hold something else.
        let base64 = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        let image = png.as_ref().filter(base64);
        let image = image.map_or(String::new(), |png| {
            format!("<img alt=\"test image {}\" src=\"data:image/png;base64,{png}\">", of.index)
        });
        format!(
            "<figure>{image}<figcaption>{} <span class=\"{}\">taken for {}</span><br><span class=\"soft\">{:.0} % \
             sure, loss {:.2}<br>image {}</span></figcaption></figure>",
            names.of(of.label),
            if of.label == of.taken { "soft" } else { "no" },
            names.of(of.taken),
            100.0 * of.confidence,
            of.loss,
            of.index
        )
    };
    let figures: String = examples.iter().map(figure).collect();
    format!("<h2>Worst images</h2><div class=\"worst\">{figures}</div>")
}
