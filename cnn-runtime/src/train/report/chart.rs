//! Lines and bars as SVG, in the colours of the page.

use std::fmt::Write;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;
/// More points than pixels show nothing more.
const MOST_POINTS: usize = 500;

/// A line: its name, its class in the style sheet, its points.
pub(super) struct Line {
    pub name: &'static str,
    pub class: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// What the axes are.
#[derive(Clone, Copy)]
pub(super) struct Axes {
    pub x: &'static str,
    /// The upper end, where it is known; the lower is 0.
    pub most: Option<f64>,
    pub percent: bool,
}

/// A card with lines, their names below the title.
pub(super) fn lines(title: &str, axes: Axes, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
    if points().next().is_none() {
        return String::new();
    }
    let last = points().map(|point| point.0).fold(0.0, f64::max);
    let highest = axes.most.unwrap_or_else(|| points().map(|point| point.1).fold(0.0, f64::max) * 1.05);
    let frame = Frame { last: if last > 0.0 { last } else { 1.0 }, highest: if highest > 0.0 { highest } else { 1.0 } };
    let mut key = String::new();
    let mut svg = frame.axes(axes);
    for Line { name, class, points } in lines.iter().filter(|line| !line.points.is_empty()) {
        let step = points.len().div_ceil(MOST_POINTS).max(1);
        let shown = points.iter().enumerate().filter(|(i, _)| i % step == 0 || i + 1 == points.len());
        let shown: Vec<_> = shown.map(|(_, point)| point).filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let path: String = shown.iter().map(|(x, y)| format!("{:.1},{:.1} ", frame.x(*x), frame.y(*y))).collect();
        let _ = write!(svg, "<polyline class=\"p {class}\" points=\"{}\"/>", path.trim_end());
        let colour = class.split(' ').next().unwrap_or_default().replace('s', "f");
        if shown.len() < 30 {
            for (x, y) in shown {
                let _ = write!(
                    svg,
                    "<circle class=\"{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                    frame.x(*x),
                    frame.y(*y)
                );
            }
        }
        let _ = write!(key, "<i class=\"{colour}\"></i>{name}");
    }
    card(title, &format!("<div class=\"key\">{key}</div>"), &svg)
}

/// Confidence against accuracy: a bar for each bin, and how far it is from the diagonal.
pub(super) fn calibration(title: &str, bins: &[(f64, f64, f64)]) -> String {
    let frame = Frame { last: 1.0, highest: 1.0 };
    let mut svg = frame.axes(Axes { x: "confidence", most: Some(1.0), percent: true });
    for &(from, confidence, accuracy) in bins {
        let (x, width) = (frame.x(from) + 1.0, frame.x(1.0 / 15.0) - frame.x(0.0) - 2.0);
        let bar = |svg: &mut String, class: &str, a: f64, b: f64| {
            let (top, bottom) = (frame.y(a.max(b)), frame.y(a.min(b)));
            let height = bottom - top;
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            );
        };
        bar(&mut svg, "f1", 0.0, accuracy);
        bar(&mut svg, "gap", accuracy, confidence);
    }
    let [x1, y1, x2, y2] = [frame.x(0.0), frame.y(0.0), frame.x(1.0), frame.y(1.0)];
    let _ = write!(svg, "<line class=\"dash\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    let key = "<div class=\"key\"><i class=\"f1\"></i>accuracy<i class=\"f2\"></i>distance to the confidence</div>";
    card(title, key, &svg)
}

fn card(title: &str, key: &str, svg: &str) -> String {
    format!(
        "<div class=\"card\"><h3>{title}</h3>{key}<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">{svg}</svg></div>"
    )
}

/// Both axes begin at 0.
struct Frame {
    last: f64,
    highest: f64,
}

impl Frame {
    fn x(&self, x: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * x / self.last
    }

    fn y(&self, y: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (y / self.highest).clamp(0.0, 1.0))
    }

    fn axes(&self, axes: Axes) -> String {
        let mut svg = String::new();
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        for y in ticks(self.highest) {
            let at = self.y(y);
            let label = if axes.percent { format!("{:.0} %", 100.0 * y) } else { number(y) };
            let _ = write!(svg, "<line class=\"g\" x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>");
            let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 6.0, at + 4.0);
        }
        for x in ticks(self.last) {
            let at = self.x(x);
            let _ =
                write!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 15.0, number(x));
        }
        let _ = write!(svg, "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>", HEIGHT - 3.0, axes.x);
        svg
    }
}

/// Round numbers from 0 to `highest`, four to eight of them.
fn ticks(highest: f64) -> Vec<f64> {
    let rough = highest / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&step| step >= rough * 0.999)
        .unwrap_or(rough);
    (0..20).map(|i| f64::from(i) * step).take_while(|&tick| tick <= highest * 1.001).collect()
}

/// A few digits.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else {
        let text = format!(
            "{value:.*}",
            if size < 0.1 {
                4
            } else if size < 10.0 {
                2
            } else {
                0
            }
        );
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(7.3), [0.0, 2.0, 4.0, 6.0]);
        for highest in [1e-9, 0.03, 2.4, 99.0, 12345.0, 1e38] {
            assert!((3..=9).contains(&ticks(highest).len()), "{highest}: {:?}", ticks(highest));
        }
        assert_eq!(
            [0.0, 0.6000000000000001, 2.5, 120.0, 1e-4, 1e6].map(number),
            ["0", "0.6", "2.5", "120", "1.0e-4", "1.0e6"]
        );
    }
}
