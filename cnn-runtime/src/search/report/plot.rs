//! Axes, ticks and marks of SVG pictures.

use std::fmt::Write;

/// Text as HTML and SVG hold it.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
        out
    })
}

/// A number in about four digits.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if value == 0.0 => return "0".to_owned(),
        s if s >= 1e9 => return format!("{}G", number(value / 1e9)),
        s if s >= 1e6 => return format!("{}M", number(value / 1e6)),
        s if s >= 1e4 => return format!("{}K", number(value / 1e3)),
        s if s >= 100.0 => format!("{value:.1}"),
        s if s >= 1e-2 => format!("{value:.4}"),
        _ => return format!("{value:.2e}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Values on a line of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// From the least to the largest value, with some air.
    pub(super) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let air = if high > low { 0.04 * (high - low) } else { low.abs().max(1e-9) * 0.1 };
        Scale { low: low - air, high: high + air, from, to }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round values that are 1, 2 or 5 times a power of ten apart, about so many.
    pub(super) fn ticks(&self, about: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / about.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let Some(step) = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= rough)
        else {
            return Vec::new();
        };
        let first = (self.low / step).ceil() as i64;
        (0..=2 * about as i64).map(|k| (first + k) as f64 * step).take_while(|&tick| tick <= self.high).collect()
    }
}

/// A picture with two axes.
pub(super) struct Chart {
    pub(super) x: Scale,
    pub(super) y: Scale,
    svg: String,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 74.0;
const BOTTOM: f64 = 44.0;

impl Chart {
    /// Axes over these values.
    pub(super) fn new(
        [x_name, y_name]: [&str; 2],
        height: f64,
        xs: impl Iterator<Item = f64>,
        ys: impl Iterator<Item = f64>,
    ) -> Chart {
        let x = Scale::over(xs, LEFT, WIDTH - 14.0);
        let y = Scale::over(ys, height - BOTTOM, 14.0);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{} by {}\">\n",
            escape(y_name),
            escape(x_name)
        );
        // Writing to a text does not fail.
        for tick in x.ticks(10) {
            let at = x.at(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"14\" y2=\"{:.1}\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - BOTTOM,
                height - BOTTOM + 17.0,
                number(tick)
            );
        }
        for tick in y.ticks(6) {
            let at = y.at(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - 14.0,
                LEFT - 8.0,
                at + 4.0,
                number(tick)
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"name\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (LEFT + WIDTH) / 2.0,
            height - 8.0,
            escape(x_name),
            (height - BOTTOM) / 2.0,
            escape(y_name)
        );
        Chart { x, y, svg }
    }

    /// A dot that says `title` when the mouse is on it.
    pub(super) fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64, title: &str) {
        let (x, y) = (self.x.at(x), self.y.at(y));
        let _ = writeln!(
            self.svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}</title></circle>",
            escape(title)
        );
    }

    /// A cross on the lower edge.
    pub(super) fn cross(&mut self, x: f64, title: &str) {
        let (x, y) = (self.x.at(x), self.y.from - 8.0);
        let _ = writeln!(
            self.svg,
            "<path class=\"cross\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"><title>{}</title></path>",
            x - 4.0,
            y - 4.0,
            escape(title)
        );
    }

    /// A line through points; with steps it goes right first, then up or down.
    pub(super) fn line(&mut self, class: &str, points: &[(f64, f64)], steps: bool) {
        let mut path = String::new();
        for (index, &(x, y)) in points.iter().enumerate() {
            let (x, y) = (self.x.at(x), self.y.at(y));
            let _ = match (index, steps) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, true) => write!(path, "H{x:.1}V{y:.1}"),
                (_, false) => write!(path, "L{x:.1} {y:.1}"),
            };
        }
        let _ = writeln!(self.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// The picture.
    pub(super) fn end(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}
