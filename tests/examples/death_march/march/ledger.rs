//! Holds that each job ends exactly once, as it can end.

use std::collections::BTreeMap;
use std::fmt;

use homing::jobs::{JobError, JobEvent};

use super::job::{CancelAt, Deed, Plan, Progress, Step, panic_text};

/// What is known of one job.
struct Entry {
    plan: Plan,
    starts: u32,
    /// What came since it last started.
    items: u64,
    at: u64,
    cancelled: bool,
}

/// How often jobs ended how.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) ends: BTreeMap<&'static str, u64>,
    pub(crate) tried_again: u64,
    pub(crate) stalled: u64,
}

impl Tally {
    pub(crate) fn total(&self) -> u64 {
        self.ends.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (end, count) in &self.ends {
            write!(f, "{end} {count}, ")?;
        }
        write!(f, "tried again {}, stalled {}", self.tried_again, self.stalled)
    }
}

/// The jobs that have not ended, and how the others did.
#[derive(Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<u64, Entry>,
    pub(crate) tally: Tally,
    processes: bool,
}

impl Ledger {
    pub(crate) fn new(processes: bool) -> Self {
        Self { processes, ..Self::default() }
    }

    /// How many jobs have not ended.
    pub(crate) fn open(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn submit(&mut self, index: u64, plan: Plan) {
        let entry = Entry { plan, starts: 0, items: 0, at: 0, cancelled: false };
        assert!(self.entries.insert(index, entry).is_none());
    }

    pub(crate) fn cancelled(&mut self, index: u64) {
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.cancelled = true;
        }
    }

    /// Notes what a job's handler was told. Says whether the job is to be cancelled now.
    pub(crate) fn note(&mut self, index: u64, event: JobEvent<Step>) -> bool {
        let entry = self.entries.get_mut(&index);
        let entry = entry.unwrap_or_else(|| panic!("job {index} is told {event:?} after its end"));
        match event {
            JobEvent::Started => {
                self.tally.tried_again += u64::from(entry.starts > 0);
                (entry.starts, entry.items, entry.at) = (entry.starts + 1, 0, 0);
                entry.plan.cancel == Some(CancelAt::Start)
            }
            JobEvent::Progress(progress) => {
                assert!(entry.starts > 0 && !entry.cancelled, "progress of job {index}");
                match progress {
                    Progress::At(at) => {
                        assert!(at > entry.at, "job {index} goes back");
                        entry.at = at;
                    }
                    Progress::Item { number, .. } => {
                        assert_eq!(number, entry.items, "the items of job {index}");
                        entry.items += 1;
                    }
                }
                entry.plan.cancel == Some(CancelAt::Progress)
            }
            JobEvent::Stalled => {
                self.tally.stalled += 1;
                false
            }
            JobEvent::Ended(end) => {
                let kind = entry.check(index, &end, self.processes);
                *self.tally.ends.entry(kind).or_default() += 1;
                self.entries.remove(&index);
                false
            }
            _ => false,
        }
    }
}

impl Entry {
    /// Names the end, if the job can end like that.
    fn check(&self, index: u64, end: &Result<u64, JobError>, processes: bool) -> &'static str {
        let Plan { deed, deadline, tries, .. } = self.plan;
        assert!(self.starts <= tries, "job {index} was run {} times", self.starts);
        let (kind, possible) = match end {
            Ok(output) => {
                let items = match deed {
                    Deed::Yield(items, _) if !self.cancelled => self.items == items,
                    _ => true,
                };
                let completes =
                    !matches!(deed, Deed::Fail | Deed::Panic | Deed::Abort | Deed::Endless);
                ("completed", completes && items && *output == Step::output(index))
            }
            Err(JobError::Failed { message }) => {
                ("failed", deed == Deed::Fail && message.as_str() == format!("{index} fails"))
            }
            Err(JobError::Panicked(panic)) => {
                ("panicked", deed == Deed::Panic && panic.message.as_str() == panic_text(index))
            }
            Err(JobError::TimedOut) => ("timed out", deadline.is_some()),
            Err(JobError::Cancelled) => ("cancelled", self.cancelled),
            Err(JobError::Lost(lost)) => {
                let known = lost.tries == tries && lost.exit().is_some();
                ("lost", processes && known && !self.cancelled)
            }
            _ => ("other", false),
        };
        assert!(
            possible,
            "job {index}, {:?}, told {} starts, ended: {end:?}",
            self.plan, self.starts
        );
        kind
    }
}
