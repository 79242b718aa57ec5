//! Rounds and medians.

use std::time::Duration;

use crate::row::{Beside, Figure, Settings};

/// Measures ours and the reference in turns, and which is first changes from round to round:
/// what else the machine does hits both alike.
pub(crate) fn side_by_side(
    settings: &Settings,
    ours: impl FnMut() -> anyhow::Result<f64>,
    reference: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Figure> {
    alternate(settings.rounds(), ours, reference)
}

/// As [`side_by_side`], for so many rounds: an odd number.
pub(crate) fn alternate(
    rounds: usize,
    mut ours: impl FnMut() -> anyhow::Result<f64>,
    mut reference: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Figure> {
    // The first round finds everything cold.
    ours()?;
    reference()?;
    let mut pairs = Vec::new();
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let ours = ours()?;
            (ours, reference()?)
        } else {
            let reference = reference()?;
            (ours()?, reference)
        });
    }
    let sorted = |of: fn(&(f64, f64)) -> f64| Sorted::new(pairs.iter().map(of).collect());
    let ratios = sorted(|(ours, reference)| ours / reference);
    Ok(Figure {
        ours: sorted(|(ours, _)| *ours).quantile(0.5),
        beside: Some(Beside {
            reference: sorted(|(_, reference)| *reference).quantile(0.5),
            ratio: ratios.quantile(0.5),
            spread: (ratios.quantile(0.25), ratios.quantile(0.75)),
        }),
    })
}

/// Values in order.
pub(crate) struct Sorted(Vec<f64>);

impl Sorted {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which this part of all values is. Not a number when there are none.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (part * last as f64).round() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Throughput in millions a second.
pub(crate) fn millions_a_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64() / 1e6
}

/// Nanoseconds for each of so many.
pub(crate) fn nanos_each(count: u64, time: Duration) -> f64 {
    time.as_nanos() as f64 / count as f64
}
