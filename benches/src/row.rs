//! What a figure is.

use std::fmt;

/// One figure of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Of what is measured, not of the ratio.
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    pub(crate) measure: fn(&Settings) -> anyhow::Result<Figure>,
}

/// How thoroughly to measure.
pub(crate) struct Settings {
    pub(crate) quick: bool,
}

impl Settings {
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How often to measure. Odd, so that one of the rounds is the median.
    pub(crate) fn rounds(&self) -> usize {
        self.pick(31, 9)
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) ours: f64,
    pub(crate) beside: Option<Beside>,
}

impl Figure {
    /// That has no reference.
    pub(crate) fn alone(ours: f64) -> Self {
        Self { ours, beside: None }
    }
}

/// What a figure was measured beside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    pub(crate) reference: f64,
    /// The median of the rounds' ratios, ours to the reference's.
    pub(crate) ratio: f64,
    /// The quartiles of the rounds' ratios.
    pub(crate) spread: (f64, f64),
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// A ratio: of throughputs.
    RatioAtLeast(f64),
    /// A ratio: of times.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "needs Linux' clock"))]
    RatioAtMost(f64),
    /// What is measured, in its unit. A reference is for information.
    AtMost(f64),
    /// What is measured, in so many times the reference.
    TimesAtMost(f64),
}

impl Goal {
    pub(crate) fn is_met(self, figure: &Figure) -> bool {
        let ratio = figure.beside.map_or(f64::NAN, |beside| beside.ratio);
        match self {
            Goal::RatioAtLeast(least) => ratio >= least,
            Goal::RatioAtMost(most) | Goal::TimesAtMost(most) => ratio <= most,
            Goal::AtMost(most) => figure.ours <= most,
        }
    }

    /// The one number for scripts: the ratio where that is what matters, or else what was
    /// measured.
    pub(crate) fn value(self, figure: &Figure) -> f64 {
        match (self, figure.beside) {
            (Goal::RatioAtLeast(_) | Goal::RatioAtMost(_), Some(beside)) => beside.ratio,
            _ => figure.ours,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::RatioAtLeast(least) => write!(f, "≥ {least} ×"),
            Goal::RatioAtMost(most) | Goal::TimesAtMost(most) => write!(f, "≤ {most} ×"),
            Goal::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}
