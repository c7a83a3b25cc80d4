//! `curve.svg`: loss and accuracy by epoch.

use plotters::prelude::*;

use super::error::TrainError;
use super::folder::Run;
use super::metrics::{EpochRecord, epochs};

const SIZE: (u32, u32) = (960, 400);
const TRAINING: RGBColor = RGBColor(0x4c, 0x78, 0xa8);
const TEST: RGBColor = RGBColor(0xe4, 0x57, 0x56);

/// Draws the epochs that the metrics hold.
pub(super) fn draw(run: &Run) -> Result<(), TrainError> {
    let path = run.path("curve.svg");
    let epochs = epochs(&run.path("metrics.jsonl"))?;
    let picture = picture(&run.settings().network, &epochs).map_err(|error| TrainError::Io {
        action: "draw",
        path,
        source: std::io::Error::other(error.to_string()),
    })?;
    run.replace("curve.svg", picture.as_bytes())
}

fn picture(network: &str, epochs: &[EpochRecord]) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.titled(network, ("sans-serif", 18))?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        let line = |of: fn(&EpochRecord) -> f64| epochs.iter().map(|e| (e.epoch as f64, of(e))).collect::<Vec<_>>();
        panel(&left, "loss", None, [line(|e| e.loss), line(EpochRecord::test_loss)])?;
        panel(&right, "accuracy", Some(1.0), [line(|e| e.accuracy), line(EpochRecord::test_accuracy)])?;
        area.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A line for training and one for test, from 0 on; `most` is the upper end where it is known.
fn panel(
    area: &Area<'_>,
    name: &str,
    most: Option<f64>,
    lines: [Vec<(f64, f64)>; 2],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flatten();
    let last = points().map(|point| point.0).fold(2.0, f64::max);
    let highest = most.unwrap_or_else(|| 1.05 * points().map(|point| point.1).fold(1e-6, f64::max));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(1.0..last, 0.0..highest)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc(name)
        .x_labels((last as usize).min(10))
        .x_label_formatter(&|x| if x.fract().abs() < 1e-9 { format!("{x:.0}") } else { String::new() })
        .max_light_lines(0)
        .draw()?;
    for (points, (label, colour)) in lines.into_iter().zip([("training", TRAINING), ("test", TEST)]) {
        // A single epoch is a point.
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 2, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    let place = if most.is_some() { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperRight };
    chart
        .configure_series_labels()
        .position(place)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
