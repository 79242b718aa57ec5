//! The table, and a line for scripts for each of its rows.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use crate::row::{Figure, Row};

/// Prints each row as soon as it is known, and the lines for scripts after the table.
pub(crate) struct Report {
    lines: Vec<String>,
    complete: bool,
}

impl Report {
    pub(crate) fn begin() -> io::Result<Self> {
        line(format_args!(
            "{:<22} {:>16} {:>16} {:>9} {:>15}  {:<9}",
            "", "ours", "reference", "ratio", "quartiles", "goal"
        ))?;
        Ok(Self { lines: Vec::new(), complete: true })
    }

    pub(crate) fn add(&mut self, row: &Row, figure: anyhow::Result<Figure>) -> io::Result<()> {
        let figure = match figure {
            Ok(figure) => figure,
            Err(error) => {
                self.complete = false;
                eprintln!("homing-bench: {}: {error:#}", row.name);
                return Ok(());
            }
        };
        let value = |value: f64| format!("{} {}", Short(value), row.unit);
        let [reference, ratio, spread] = match figure.beside {
            Some(beside) => {
                let (low, high) = beside.spread;
                [
                    value(beside.reference),
                    format!("{:.3} ×", beside.ratio),
                    format!("{low:.3}–{high:.3}"),
                ]
            }
            None => [const { String::new() }; 3],
        };
        let met = if row.goal.is_met(&figure) { "" } else { "missed" };
        let ours = value(figure.ours);
        let goal = row.goal.to_string();
        line(format_args!(
            "{:<22} {ours:>16} {reference:>16} {ratio:>9} {spread:>15}  {goal:<9} {met}",
            row.name
        ))?;
        self.lines.push(format!("ratio {} {:.4}", row.name, row.goal.value(&figure)));
        Ok(())
    }

    /// Whether every row is there.
    pub(crate) fn end(self) -> anyhow::Result<bool> {
        line(format_args!(""))?;
        for text in &self.lines {
            line(format_args!("{text}"))?;
        }
        Ok(self.complete)
    }
}

/// Prints a line on standard output.
pub(crate) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.to_string().trim_end())?;
    // A terminal gets lines anyway; who reads a pipe wants to see the progress too.
    if out.is_terminal() { Ok(()) } else { out.flush() }
}

/// A number with three significant digits or so.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            100.0.. => 0,
            10.0.. => 1,
            _ if self.0.fract() == 0.0 => 0,
            _ => 2,
        };
        write!(f, "{:.digits$}", self.0)
    }
}
