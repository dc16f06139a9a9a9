//! Plots as SVG.

use std::path::Path;

use plotters::prelude::*;

use super::Figure;
use crate::{
    load::{self, Load},
    measure::Metric,
    results::{Cell, Error, Results},
    stats::Estimate,
};

const WIDTH: u32 = 900;
const BAR: u32 = 26;
const HEAD: u32 = 110;

/// Percentiles that are drawn beside one another.
const PERCENTILES: &[(Metric, RGBColor)] = &[
    (Metric::P50, RGBColor(70, 130, 180)),
    (Metric::P99, RGBColor(230, 150, 60)),
    (Metric::P999, RGBColor(200, 60, 60)),
];

/// Draws a plot of each load into a folder, and a second one of its percentiles if it has them.
///
/// # Errors
///
/// If they cannot be written.
pub fn plots(results: &Results, folder: &Path) -> Result<(), Error> {
    for load in load::ALL {
        // From the lowest to the highest.
        let cells = results.cells.iter().rev();
        let cells: Vec<_> = cells.filter(|cell| cell.load == load.name).collect();
        if cells.is_empty() {
            continue;
        }
        bars(load, &cells, &folder.join(format!("{}.svg", load.name)))?;
        if load.metrics.contains(&Metric::P99) {
            percentiles(
                load,
                &cells,
                &folder.join(format!("{}-percentiles.svg", load.name)),
            )?;
        }
    }
    Ok(())
}

/// A bar for each system, with its interval.
fn bars(load: &Load, cells: &[&Cell], path: &Path) -> Result<(), Error> {
    let systems: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((cell.system.as_str(), cell.estimate(load.main())?)))
        .collect();
    if systems.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = systems.iter().map(|(name, _)| *name).collect();
    let most = systems
        .iter()
        .map(|(_, estimate)| estimate.high)
        .fold(f64::MIN_POSITIVE, f64::max);
    let least = systems
        .iter()
        .map(|(_, estimate)| estimate.low)
        .fold(0.0, f64::min);
    let area = SVGBackend::new(path, (WIDTH, height(names.len()))).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(load.name, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(190)
        .build_cartesian_2d(least..most * 1.1, (0..names.len() - 1).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(names.len())
        .y_label_formatter(&|at| name(&names, at))
        .x_label_formatter(&|value| Figure(*value).to_string())
        .x_desc(load.main().title())
        .draw()?;
    for (at, (name, estimate)) in systems.iter().enumerate() {
        chart.draw_series([bar(at, estimate, colour(name))])?;
        chart.draw_series([PathElement::new(
            [estimate.low, estimate.high]
                .map(|value| (value, SegmentValue::CenterOf(at)))
                .to_vec(),
            BLACK.stroke_width(2),
        )])?;
    }
    area.present()?;
    Ok(())
}

fn bar(at: usize, estimate: &Estimate, colour: RGBColor) -> Rectangle<(f64, SegmentValue<usize>)> {
    let corners = [
        (0.0, SegmentValue::Exact(at)),
        (estimate.median, SegmentValue::Exact(at + 1)),
    ];
    let mut bar = Rectangle::new(corners, colour.filled());
    bar.set_margin(4, 4, 0, 0);
    bar
}

/// Percentiles of each system, on a logarithmic scale.
fn percentiles(load: &Load, cells: &[&Cell], path: &Path) -> Result<(), Error> {
    let names: Vec<_> = cells.iter().map(|cell| cell.system.as_str()).collect();
    let times = |metric| {
        let time = move |(at, cell): (usize, &&Cell)| Some((cell.estimate(metric)?.median, at));
        cells.iter().enumerate().filter_map(time)
    };
    let all = PERCENTILES.iter().flat_map(|(metric, _)| times(*metric));
    let (least, most) = all.fold((f64::MAX, 0.0_f64), |(least, most), (time, _)| {
        (least.min(time), most.max(time))
    });
    if most <= 0.0 {
        return Ok(());
    }
    let area = SVGBackend::new(path, (WIDTH, height(names.len()))).into_drawing_area();
    area.fill(&WHITE)?;
    let scale = (least.max(0.1) * 0.8..most * 1.25).log_scale();
    let mut chart = ChartBuilder::on(&area)
        .caption(
            format!("{}: what calls take", load.name),
            ("sans-serif", 20),
        )
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(190)
        .build_cartesian_2d(scale, (0..names.len() - 1).into_segmented())?;
    chart
        .configure_mesh()
        .y_labels(names.len())
        .y_label_formatter(&|at| name(&names, at))
        .x_label_formatter(&|value| Figure(*value).to_string())
        .x_desc("microseconds")
        .draw()?;
    for &(metric, colour) in PERCENTILES {
        let points = times(metric)
            .map(|(time, at)| Circle::new((time, SegmentValue::CenterOf(at)), 5, colour.filled()));
        chart
            .draw_series(points)?
            .label(metric.title())
            .legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}

fn height(systems: usize) -> u32 {
    HEAD + BAR * u32::try_from(systems).unwrap_or(u32::MAX / BAR / 2)
}

fn name(names: &[&str], at: &SegmentValue<usize>) -> String {
    match at {
        SegmentValue::CenterOf(at) | SegmentValue::Exact(at) => {
            names.get(*at).copied().unwrap_or_default().to_owned()
        }
        SegmentValue::Last => String::new(),
    }
}

fn colour(system: &str) -> RGBColor {
    match system {
        name if name.starts_with("hardlight") => RGBColor(60, 110, 190),
        name if name.starts_with("floor") => RGBColor(150, 150, 150),
        "lean" => RGBColor(190, 190, 190),
        _ => RGBColor(220, 160, 90),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_plot_names_its_systems() {
        let folder = std::env::temp_dir().join(format!("hardlight-plot-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let systems: &[(&str, &[f64])] = &[("floor", &[20.0, 21.0]), ("tonic", &[70.0, 90.0])];
        plots(&results("latency", Metric::P50, systems), &folder).unwrap();
        for name in ["latency.svg", "latency-percentiles.svg"] {
            let svg = std::fs::read_to_string(folder.join(name)).unwrap();
            assert!(svg.contains("tonic") && svg.contains("floor"), "{name}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
