//! `lr_find.svg`: losses over the learning rate.

use plotters::prelude::*;

use super::Found;

const SIZE: (u32, u32) = (640, 400);
const RAW: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const SMOOTHED: RGBColor = RGBColor(0x4c, 0x78, 0xa8);
const CHOSEN: RGBColor = RGBColor(0xe4, 0x57, 0x56);

pub(super) fn draw(found: &Found, network: &str) -> Result<String, Box<dyn std::error::Error>> {
    let points = &found.points;
    let first = points.first().map_or(1e-6, |point| point.rate);
    let last = points.last().map_or(1.0, |point| point.rate).max(first * 1.1);
    // Losses far above the curve would flatten it.
    let smoothed = || points.iter().map(|point| point.smoothed);
    let (low, high) = (smoothed().fold(f64::INFINITY, f64::min), smoothed().fold(0.0, f64::max));
    let room = 0.1 * (high - low).max(1e-3);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.titled(&format!("{network}: loss over the learning rate"), ("sans-serif", 18))?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d((first..last).log_scale(), low - room..high + room)?;
        chart
            .configure_mesh()
            .x_desc("learning rate")
            .y_desc("loss")
            .x_label_formatter(&|rate| format!("{rate:.0e}"))
            .max_light_lines(0)
            .draw()?;
        let inside = |loss: f64| loss.clamp(low - room, high + room);
        chart.draw_series(LineSeries::new(points.iter().map(|p| (p.rate, inside(p.loss))), RAW.stroke_width(1)))?;
        chart.draw_series(LineSeries::new(points.iter().map(|p| (p.rate, p.smoothed)), SMOOTHED.stroke_width(2)))?;
        let chosen = points.iter().filter(|point| Some(point.rate) == found.suggestion);
        chart.draw_series(chosen.clone().map(|p| Circle::new((p.rate, p.smoothed), 5, CHOSEN.filled())))?;
        chart.draw_series(
            chosen.map(|p| Text::new(format!("{:.2e}", p.rate), (p.rate, p.smoothed + 0.4 * room), ("sans-serif", 14))),
        )?;
        area.present()?;
    }
    Ok(svg)
}
