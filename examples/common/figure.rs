//! Figures of papers as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// A line of a figure: its name, its colour's number, whether it is thin, its points.
pub struct Line {
    /// What the legend says; nothing without an entry there.
    pub name: String,
    /// Lines of one number look alike.
    pub colour: usize,
    /// Thin lines are training, as in He et al. 2015.
    pub thin: bool,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

const COLOURS: [RGBColor; 4] =
    [RGBColor(0x4c, 0x78, 0xa8), RGBColor(0xe4, 0x57, 0x56), RGBColor(0x54, 0xa2, 0x4b), RGBColor(0x72, 0x72, 0x72)];

/// Height of two names in the legend.
const LEGEND_ROW: i32 = 18;

/// Panels side by side: each has a title and lines, whose names stand below; both axes have a name. Every panel shows the same
/// range.
pub fn lines(path: &Path, panels: &[(&str, Vec<Line>)], axes: [&str; 2]) -> Result<(), Box<dyn Error>> {
    let points = || panels.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let left = points().map(|point| point.0).fold(right, f64::min);
    let high = 1.05 * points().map(|point| point.1).fold(1.0, f64::max);
    let mut svg = String::new();
    {
        let names = panels.iter().map(|(_, lines)| lines.iter().filter(|line| !line.name.is_empty()).count()).max();
        let legend = LEGEND_ROW * names.unwrap_or(0).div_ceil(2) as i32 + 8;
        let size = (480 * panels.len() as u32, (400 + legend) as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (area, (title, lines)) in area.split_evenly((1, panels.len())).iter().zip(panels) {
            let (area, below) = area.split_vertically(400);
            let mut chart = ChartBuilder::on(&area)
                .caption(title, ("sans-serif", 16))
                .margin(12)
                .x_label_area_size(40)
                .y_label_area_size(52)
                .build_cartesian_2d(left..right.max(left + 1.0), 0.0..high)?;
            let whole = |x: &f64| format!("{x:.0}");
            let mut mesh = chart.configure_mesh();
            mesh.x_desc(axes[0]).y_desc(axes[1]).max_light_lines(0);
            mesh.x_label_formatter(&whole).y_label_formatter(&whole).draw()?;
            let mut places = (0..).map(|i| (60 + 205 * (i % 2), 6 + LEGEND_ROW * (i / 2)));
            for line in lines {
                let colour = COLOURS[line.colour % COLOURS.len()];
                let style = colour.stroke_width(if line.thin { 1 } else { 2 });
                chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
                if let (false, Some((x, y))) = (line.name.is_empty(), places.next()) {
                    below.draw(&PathElement::new([(x, y), (x + 18, y)], style))?;
                    below.draw(&Text::new(line.name.clone(), (x + 24, y - 6), ("sans-serif", 12)))?;
                }
            }
        }
        area.present()?;
    }
    Ok(std::fs::write(path, svg)?)
}
