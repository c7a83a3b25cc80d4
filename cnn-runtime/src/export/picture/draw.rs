//! Shapes as SVG text.

use std::fmt::Write;

use cnn_lang::graph::{Graph, readable};

use super::diagram::{Content, size};
use super::font::width;
use super::layout::columns::{Column, GUTTER};
use super::layout::{CARD, HEADER, Label, NOTE, Placed, PlacedItem, TITLE, Wire};
use super::words::{Kind, Words};

const MARGIN: f64 = 24.0;
const TOP: f64 = 70.0;
const BAR: f64 = 16.0;
/// Between a section's name and its items.
const FROM_BAR: f64 = 12.0;

/// Colours in light and in dark. Rules are written out twice: not every viewer knows variables.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.t{font-size:11px}.b{font-weight:600}.n{font-size:9px;fill:#59636e}.h{font-size:16px;font-weight:600}\
.s{font-size:12px;fill:#59636e}.l{font-size:9px;fill:#59636e;stroke:#fff;stroke-width:3px;paint-order:stroke;stroke-linejoin:round}\
.k{font-size:9px;font-weight:600;letter-spacing:1px;fill:#fff}\
.bg{fill:#fff}.f1{fill:#f6f8fa;stroke:#d1d9e0}.f2{fill:#fff;stroke:#d1d9e0}.e{fill:#fff;stroke:#818b98}\
.w{fill:none;stroke:#818b98;stroke-width:1.2}.r{stroke:#d1d9e0}.a{fill:#818b98}.j{fill:#fff;stroke:#59636e}\
.conv{fill:#ddf4ff;stroke:#54aeff}.linear{fill:#fbefff;stroke:#c297ff}.pool{fill:#fff1e5;stroke:#fb8f44}\
.shape{fill:#fff8c5;stroke:#d4a72c}.minor{fill:#dafbe1;stroke:#4ac26b}.block{fill:#eaeef2;stroke:#818b98}\
.x{stroke-dasharray:4 2}.s0{fill:#57606a}.s1{fill:#0969da}.s2{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n,.s{fill:#9198a1}.l{fill:#9198a1;stroke:#0d1117}.k{fill:#fff}\
.bg{fill:#0d1117}.f1{fill:#151b23;stroke:#3d444d}.f2{fill:#0d1117;stroke:#3d444d}.e{fill:#0d1117;stroke:#656c76}\
.w{stroke:#656c76}.r{stroke:#3d444d}.a{fill:#656c76}.j{fill:#0d1117;stroke:#9198a1}\
.conv{fill:#0c2d4d;stroke:#316dca}.linear{fill:#2d1f4d;stroke:#8957e5}.pool{fill:#45210c;stroke:#bd561d}\
.shape{fill:#3a2d0b;stroke:#9e6a03}.minor{fill:#0f3019;stroke:#2ea043}.block{fill:#21262d;stroke:#656c76}\
.s0{fill:#656c76}.s1{fill:#1f6feb}.s2{fill:#8957e5}}";

/// The whole picture.
pub fn svg(graph: &Graph, heading: &str, columns: &[Column<'_>]) -> String {
    let costs = graph.costs();
    let (input, output) = (size(graph.input_shape()), size(graph.output_shape()));
    let summary =
        format!("{input} → {output} · {} parameters · {} multiply-adds", readable(costs.params), readable(costs.macs));
    let key = "numbers in boxes are parameters, × how many in a row";
    let left = MARGIN + BAR + FROM_BAR;
    let right = columns.iter().map(|column| column.x + column.placed.width).fold(0.0, f64::max);
    let text = [width(heading, 17.0), width(&summary, 12.0), width(key, NOTE)].into_iter().fold(0.0, f64::max);
    let whole = (left + right + MARGIN).max(text + 2.0 * MARGIN).ceil();
    let tall = columns.iter().map(|column| column.placed.height).fold(0.0, f64::max);
    let height = (TOP + tall + if columns.len() > 1 { 16.0 } else { 0.0 } + MARGIN).ceil();
    let mut pen = Pen { out: String::new() };
    pen.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{height}\" viewBox=\"0 0 {whole} {height}\" role=\"img\">"
    ));
    pen.line(&format!("<title>{}</title>", escaped(heading)));
    pen.line(&format!("<desc>{}</desc>", escaped(&summary)));
    pen.line(&format!("<style>{STYLE}</style>"));
    pen.line(&format!("<rect class=\"bg\" width=\"{whole}\" height=\"{height}\"/>"));
    pen.text(MARGIN, 34.0, "h", "start", heading);
    pen.text(MARGIN, 52.0, "s", "start", &summary);
    pen.text(whole - MARGIN, 52.0, "n", "end", if text + width(key, NOTE) + 80.0 < whole { key } else { "" });
    for (number, column) in columns.iter().enumerate() {
        let x = left + column.x;
        pen.sections(x - FROM_BAR - BAR, column);
        pen.placed([x, TOP], &column.placed, 1);
        if let Some(next) = columns.get(number + 1) {
            pen.over(x, column, left + next.x, next);
        }
    }
    pen.line("</svg>");
    pen.out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other control characters.
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate, to a tenth of a pixel.
fn at(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

struct Pen {
    out: String,
}

impl Pen {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
        let line = format!("<text class=\"{class}\" x=\"{}\" y=\"{}\"{anchor}>{}</text>", at(x), at(y), escaped(text));
        self.line(&line);
    }

    fn rect(&mut self, class: &str, [x, y]: [f64; 2], [w, h]: [f64; 2], r: f64) {
        let (x, y, w, h) = (at(x), at(y), at(w), at(h));
        self.line(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{}\"/>",
            at(r)
        ));
    }

    /// The names of the sections beside a column.
    fn sections(&mut self, x: f64, column: &Column<'_>) {
        let mut items: Vec<&PlacedItem<'_>> = column.placed.items.iter().filter(|one| !one.item.auxiliary).collect();
        items.sort_by(|a, b| a.y.total_cmp(&b.y));
        let mut spans: Vec<(usize, f64, f64)> = Vec::new();
        for one in items {
            let (top, bottom) = (one.y, one.y + one.height);
            match spans.last_mut() {
                Some((section, _, end)) if *section == one.item.section => *end = end.max(bottom),
                _ => spans.push((one.item.section, top, bottom)),
            }
        }
        for (section, top, bottom) in spans {
            let name = ["STEM", "BODY", "HEAD"][section];
            self.rect(&format!("s{section}"), [x, TOP + top], [BAR, bottom - top], 4.0);
            if bottom - top > width(name, NOTE) + 4.0 * 1.0 {
                let (cx, cy) = (at(x + BAR / 2.0 + 3.2), at(TOP + f64::midpoint(top, bottom)));
                self.line(&format!(
                    "<text class=\"k\" x=\"{cx}\" y=\"{cy}\" text-anchor=\"middle\" transform=\"rotate(-90 {cx} {cy})\">{name}</text>"
                ));
            }
        }
    }

    /// From the end of a column to the beginning of the next.
    fn over(&mut self, x: f64, column: &Column<'_>, to: f64, next: &Column<'_>) {
        let (Some((_, from)), Some((_, into))) = (column.placed.outputs.first(), next.placed.inputs.first()) else {
            return;
        };
        let (x1, x2) = (x + from, to + into);
        let bottom = TOP + column.placed.height;
        let gutter = x + column.placed.width + (GUTTER - BAR - FROM_BAR) / 2.0;
        let (low, high) = (bottom + 8.0, TOP - 8.0);
        let r = 6.0;
        let d = format!(
            "M{} {}V{}q0 {r} {r} {r}H{}q{r} 0 {r} -{r}V{}q0 -{r} {r} -{r}H{}q{r} 0 {r} {r}V{}",
            at(x1),
            at(bottom),
            at(low - r),
            at(gutter - r),
            at(high + r),
            at(x2 - r),
            at(TOP)
        );
        self.line(&format!("<path class=\"w\" d=\"{d}\"/>"));
    }

    fn placed(&mut self, [x, y]: [f64; 2], placed: &Placed<'_>, depth: usize) {
        for wire in &placed.wires {
            self.wire([x, y], wire);
        }
        for one in &placed.items {
            self.item([x + one.x, y + one.y], one, depth);
        }
        for Label { x: dx, y: dy, text } in &placed.labels {
            self.text(x + dx, y + dy, "l", "start", text);
        }
    }

    fn wire(&mut self, [x, y]: [f64; 2], wire: &Wire) {
        let ([x1, y1], [x2, y2]) = (wire.from, wire.to);
        let (x1, y1, x2) = (x + x1, y + y1, x + x2);
        let end = y + y2 - if wire.arrow { 4.0 } else { 0.0 };
        let (bend, until) = (y + wire.bend, (y + wire.until).min(end));
        let mut d = format!("M{} {}", at(x1), at(y1));
        if (x1 - x2).abs() < 0.5 {
            let _ = write!(d, "V{}", at(end));
        } else {
            let middle = at(f64::midpoint(bend, until));
            let _ =
                write!(d, "V{}C{} {middle} {} {middle} {} {}V{}", at(bend), at(x1), at(x2), at(x2), at(until), at(end));
        }
        self.line(&format!("<path class=\"w\" d=\"{d}\"/>"));
        if wire.arrow {
            let tip = y + y2;
            let (l, r, back) = (at(x2 - 3.0), at(x2 + 3.0), at(tip - 5.0));
            self.line(&format!("<path class=\"a\" d=\"M{l} {back}H{r}L{} {}z\"/>", at(x2), at(tip)));
        }
    }

    fn item(&mut self, [x, y]: [f64; 2], one: &PlacedItem<'_>, depth: usize) {
        let item = one.item;
        let (w, h) = (one.width, one.height);
        let dashed = if item.auxiliary { " x" } else { "" };
        let class = match &item.content {
            Content::Box(words) => format!("{}{dashed}", colour(words.kind)),
            Content::Join(_) => format!("j{dashed}"),
            Content::End(_) => format!("e{dashed}"),
            Content::Frame { .. } => format!("f{}{dashed}", if depth % 2 == 1 { 1 } else { 2 }),
        };
        let radius = match &item.content {
            Content::Box(_) => 4.0,
            Content::Join(_) | Content::End(_) => h / 2.0,
            Content::Frame { .. } => 6.0,
        };
        self.line("<g>");
        if !item.hover.is_empty() {
            self.line(&format!("<title>{}</title>", escaped(&item.hover)));
        }
        if item.count > 1 {
            for card in [2.0, 1.0] {
                self.rect(&class, [x + card * CARD, y + card * CARD], [w, h], radius);
            }
        }
        self.rect(&class, [x, y], [w, h], radius);
        let count = if item.count > 1 { format!("× {}", item.count) } else { String::new() };
        match &item.content {
            Content::Box(words) => self.words([x, y], [w, h], words, &count, &item.params),
            Content::Join(text) if text.chars().count() == 1 => {
                self.text(x + w / 2.0, y + h / 2.0 + 4.5, "t b", "middle", text);
            }
            Content::Join(text) => self.text(x + w / 2.0, y + h / 2.0 + 3.5, "t", "middle", text),
            Content::End(text) => self.text(x + w / 2.0, y + h / 2.0 + 4.0, "t", "middle", text),
            Content::Frame { title, block, inside: _ } => {
                let rest =
                    [block.as_str(), count.as_str()].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>();
                let tail = rest.join(" ");
                let more = if tail.is_empty() {
                    String::new()
                } else {
                    format!(" <tspan font-weight=\"400\">{}</tspan>", escaped(&tail))
                };
                self.line(&format!(
                    "<text class=\"t b\" x=\"{}\" y=\"{}\">{}{more}</text>",
                    at(x + 8.0),
                    at(y + 14.0),
                    escaped(title)
                ));
                self.text(x + w - 8.0, y + 14.0, "n", "end", &item.params);
                self.line(&format!("<path class=\"r\" d=\"M{} {}h{}\"/>", at(x), at(y + HEADER), at(w)));
            }
        }
        self.line("</g>");
        if let Some(inside) = &one.inside {
            let dx = (w - inside.width) / 2.0;
            self.placed([x + dx, y + h - inside.height], inside, depth + 1);
        }
    }

    fn words(&mut self, [x, y]: [f64; 2], [w, h]: [f64; 2], words: &Words, count: &str, params: &str) {
        let title = if count.is_empty() { words.title.clone() } else { format!("{} {count}", words.title) };
        if words.notes.is_empty() && params.is_empty() {
            self.text(x + 8.0, y + h / 2.0 + TITLE / 2.0 - 1.5, "t", "start", &title);
            return;
        }
        let (title_y, notes_y) = if words.notes_first { (y + 27.0, y + 13.0) } else { (y + 15.0, y + 28.0) };
        self.text(x + 8.0, title_y, "t", "start", &title);
        self.text(x + 8.0, notes_y, "n", "start", &words.notes);
        self.text(x + w - 8.0, notes_y, "n", "end", params);
    }
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Conv => "conv",
        Kind::Linear => "linear",
        Kind::Pool => "pool",
        Kind::Shape => "shape",
        Kind::Minor | Kind::Invisible => "minor",
        Kind::Block | Kind::Join => "block",
    }
}
