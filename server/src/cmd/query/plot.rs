//! Curves in a terminal, of Braille's dots: two across and four down in a character.

use std::fmt::Write;

use super::answer::{Held, Series, moment};
use super::distribution::{QUANTILES, short};

/// Rows of one curve.
const ROWS: usize = 6;
/// More curves than anybody compares by eye; the others are counted.
const MOST_CURVES: usize = 12;
/// Room for the numbers at the left.
const MARGIN: usize = 11;

/// A curve and its title.
struct Curve {
    title: String,
    points: Vec<(f64, f64)>,
}

/// A curve for each series, three for one of distributions.
pub(super) fn text(series: &[Series], width: usize) -> String {
    let curves: Vec<Curve> = series.iter().flat_map(curves).filter(|curve| !curve.points.is_empty()).collect();
    let times = curves.iter().flat_map(|curve| &curve.points).map(|(time, _)| *time);
    let (start, end) =
        times.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), time| (low.min(time), high.max(time)));
    let columns = width.saturating_sub(MARGIN).clamp(10, 300);
    let mut text = String::new();
    for curve in curves.iter().take(MOST_CURVES) {
        text += &drawn(curve, (start, end), columns);
    }
    if !curves.is_empty() {
        let (from, to) = (moment(start), moment(end));
        let room = columns.saturating_sub(from.len()).max(to.len() + 1);
        let _ = writeln!(text, "{:MARGIN$}{from}{to:>room$}", "");
    }
    if curves.len() > MOST_CURVES {
        let _ = writeln!(text, "and {} more: ask for fewer, or print them by -o csv", curves.len() - MOST_CURVES);
    }
    text
}

fn curves(series: &Series) -> Vec<Curve> {
    let notation = series.notation();
    let numbers = series.points.iter().filter_map(|point| match &point.value {
        Held::Number(number) => {
            number.parse().ok().filter(|value: &f64| value.is_finite()).map(|value| (point.time, value))
        }
        Held::Distribution(_) => None,
    });
    let mut found = vec![Curve { title: notation.clone(), points: numbers.collect() }];
    found.extend(QUANTILES.iter().map(|(name, share)| {
        let quantiles = series.points.iter().filter_map(|point| match &point.value {
            Held::Distribution(held) => Some((point.time, held.quantile(*share)?)),
            Held::Number(_) => None,
        });
        Curve { title: format!("{name} of {notation}"), points: quantiles.collect() }
    }));
    found
}

fn drawn(curve: &Curve, (start, end): (f64, f64), columns: usize) -> String {
    let values = curve.points.iter().map(|(_, value)| *value);
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let mut dots = Dots::new(columns, ROWS);
    let place = |at: f64, from: f64, to: f64, last: usize| match to - from {
        width if width > 0.0 => ((at - from) / width * last as f64).round() as usize,
        _ => last / 2,
    };
    let mut before: Option<(usize, usize)> = None;
    for &(time, value) in &curve.points {
        let x = place(time, start, end, dots.width() - 1);
        let y = dots.height() - 1 - place(value, low, high, dots.height() - 1);
        // Neighbours are joined by a line; over a gap of several columns nothing is said.
        let near = NEAR_DOTS.max(2 * dots.width() / curve.points.len());
        dots.line(before.filter(|(from, _)| x - from <= near).unwrap_or((x, y)), (x, y));
        before = Some((x, y));
    }
    let mut text = format!("{}\n", curve.title);
    for row in 0..ROWS {
        let label = match row {
            0 => short(high),
            row if row + 1 == ROWS => short(low),
            _ => String::new(),
        };
        let (room, row) = (MARGIN - 1, dots.row(row));
        let _ = writeln!(text, "{label:>room$} {row}");
    }
    text
}

/// Dots across a gap that is none.
const NEAR_DOTS: usize = 4;

struct Dots {
    columns: usize,
    cells: Vec<u8>,
}

impl Dots {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![0; columns * rows] }
    }

    fn width(&self) -> usize {
        self.columns * 2
    }

    fn height(&self) -> usize {
        self.cells.len() / self.columns * 4
    }

    fn set(&mut self, x: usize, y: usize) {
        // Unicode numbers the dots down the left and then the right column, but for the lowest two, which came later.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= BITS[x % 2][y % 4];
        }
    }

    /// From left to right, without a hole where it is steep.
    fn line(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) {
        let mut last = y0;
        for x in x0..=x1 {
            let share = if x1 == x0 { 1.0 } else { (x - x0) as f64 / (x1 - x0) as f64 };
            let y = (y0 as f64 + share * (y1 as f64 - y0 as f64)).round() as usize;
            (last.min(y)..=last.max(y)).for_each(|between| self.set(x, between));
            last = y;
        }
    }

    fn row(&self, row: usize) -> String {
        let cells = &self.cells[row * self.columns..(row + 1) * self.columns];
        let text: String = cells.iter().map(|cell| char::from_u32(0x2800 + u32::from(*cell)).unwrap_or(' ')).collect();
        text.trim_end_matches('\u{2800}').to_owned()
    }
}

/// Columns of the terminal; 80 if there is none.
pub(super) fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plotted(values: &[(f64, &str)], width: usize) -> String {
        let values: Vec<_> = values.iter().map(|(time, value)| serde_json::json!([time, value])).collect();
        let data = serde_json::json!({ "resultType": "matrix", "result": [{ "metric": { "__name__": "x" }, "values": values }]});
        text(&Series::all(&data), width)
    }

    #[test]
    fn a_curve_rises_from_its_lowest_to_its_highest_number() {
        let values: Vec<(f64, String)> = (0..=40).map(|at| (f64::from(at), at.to_string())).collect();
        let values: Vec<(f64, &str)> = values.iter().map(|(time, value)| (*time, value.as_str())).collect();
        let text = plotted(&values, 31);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("x", 1 + ROWS + 1));
        assert!(lines[1].trim_start().starts_with("40 ") && lines[ROWS].trim_start().starts_with("0 "), "{text}");
        let first = |line: &str| line.chars().skip(MARGIN).position(|c| c != '\u{2800}').unwrap();
        let firsts: Vec<usize> = lines[1..=ROWS].iter().map(|line| first(line)).collect();
        assert!(firsts.is_sorted_by(|a, b| a > b) && firsts[ROWS - 1] == 0, "{firsts:?}\n{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{text}");
    }

    #[test]
    fn nothing_and_what_is_no_number_have_no_curve() {
        assert_eq!(plotted(&[], 80), "");
        assert_eq!(plotted(&[(1.0, "NaN"), (2.0, "+Inf")], 80), "");
        assert_eq!(plotted(&[(1.0, "5")], 80).lines().count(), ROWS + 2);
    }
}
