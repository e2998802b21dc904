//! The table, and the same as JSON.

use super::rows::Row;
use std::io;
use std::path::Path;

/// What came out of one row: microseconds of CPU for each operation, or KiB for each session.
pub struct Measured {
    pub value: f64,
    pub floor: Option<f64>,
    pub ratio: Option<f64>,
    /// The quartiles of the single turns' ratios.
    pub spread: Option<(f64, f64)>,
}

pub struct Outcome<'a> {
    pub row: &'a Row,
    pub measured: Measured,
}

impl Outcome<'_> {
    fn judged(&self) -> f64 {
        self.measured.ratio.unwrap_or(self.measured.value)
    }

    fn verdict(&self) -> &'static str {
        match self.row.budget {
            None => "",
            Some(budget) if self.judged() <= budget => "met",
            Some(_) => "OVER",
        }
    }
}

pub fn print_head() {
    println!(
        "| {:<29} | {:>10} | {:>9} | {:>5} | {:>11} | {:>6} |      |",
        "row", "Byway", "floor", "ratio", "quartiles", "budget"
    );
    println!("|{:-<31}|{0:->11}:|{0:->10}:|{0:->6}:|{0:->12}:|{0:->7}:|------|", "-");
}

pub fn print(outcome: &Outcome) {
    let Outcome { row, measured } = outcome;
    let unit = row.kind.unit();
    println!(
        "| {:<29} | {:>10} | {:>9} | {:>5} | {:>11} | {:>6} | {:<4} |",
        row.name,
        format!("{:.2} {unit}", measured.value),
        measured.floor.map_or(String::new(), |floor| format!("{floor:.2} {unit}")),
        measured.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
        measured.spread.map_or(String::new(), |(low, high)| format!("{low:.2}-{high:.2}")),
        row.budget.map_or(String::new(), |budget| format!("{budget}")),
        outcome.verdict(),
    );
}

pub fn write_json(file: &Path, outcomes: &[Outcome]) -> io::Result<()> {
    let rows: Vec<_> = outcomes.iter().map(json).collect();
    std::fs::write(file, format!("{:#}\n", serde_json::Value::from(rows)))
}

fn json(outcome: &Outcome) -> serde_json::Value {
    let Outcome { row, measured } = outcome;
    serde_json::json!({
        "name": row.name,
        "unit": row.kind.unit(),
        "value": measured.value,
        "floor": measured.floor,
        "ratio": measured.ratio,
        "quartiles": measured.spread,
        "budget": row.budget,
        "met": row.budget.map(|budget| outcome.judged() <= budget),
    })
}
