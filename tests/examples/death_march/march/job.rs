//! What the jobs do.

use std::process::abort;
use std::thread::sleep;
use std::time::{Duration, Instant};

use homing::jobs::{Context, Job, JobOptions};
use serde::{Deserialize, Serialize};

/// Decides by a seed: splitmix64.
pub(crate) struct Decisions(u64);

impl Decisions {
    pub(crate) fn new(seed: u64, of: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ of.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn micros(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }
}

/// What one job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// Nothing but its output.
    Answer,
    /// Computes for so many microseconds, tells how far it is, and heeds a cancel.
    Compute(u64),
    /// Yields so many items of so many bytes.
    Yield(u64, u32),
    Fail,
    Panic,
    /// Ends its worker.
    Abort,
    /// Makes no progress for so many microseconds, and heeds no cancel.
    Sleep(u64),
    /// Goes on until it is cancelled.
    Endless,
}

/// When the foreground cancels a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelAt {
    Submission,
    Start,
    Progress,
}

/// All that is decided about a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) deed: Deed,
    pub(crate) cancel: Option<CancelAt>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) tries: u32,
}

impl Plan {
    pub(crate) fn of(seed: u64, index: u64, processes: bool) -> Self {
        let mut decide = Decisions::new(seed, index);
        let deed = match decide.below(1000) {
            0..500 => Deed::Answer,
            500..700 => Deed::Compute(decide.below(1000)),
            700..800 => {
                let large = if decide.below(10) == 0 { 100_000 } else { 100 };
                Deed::Yield(decide.below(40), u32::try_from(decide.below(large)).unwrap())
            }
            800..850 => Deed::Fail,
            850..890 => Deed::Panic,
            890..910 if processes => Deed::Abort,
            890..970 => Deed::Sleep(decide.below(3000)),
            _ => Deed::Endless,
        };
        let cancel = match (decide.below(20), deed) {
            (0 | 1, _) => Some(CancelAt::Submission),
            (2, _) => Some(CancelAt::Start),
            (3, _) => Some(CancelAt::Progress),
            _ => None,
        };
        let late = matches!(deed, Deed::Endless) || decide.below(30) == 0;
        let deadline = late.then(|| Duration::from_millis(1 + decide.below(10)));
        Self { deed, cancel, deadline, tries: 1 + u32::try_from(decide.below(3)).unwrap() }
    }

    pub(crate) fn options(&self) -> JobOptions {
        let options = JobOptions::new()
            .stall(Duration::from_millis(2))
            .grace(Duration::from_millis(5))
            .repeatable(self.tries);
        match self.deadline {
            Some(deadline) => options.deadline(deadline),
            None => options,
        }
    }
}

/// A job of the march.
#[derive(Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) index: u64,
    pub(crate) deed: Deed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Progress {
    At(u64),
    Item { number: u64, bytes: Vec<u8> },
}

impl Step {
    /// What it returns when it completes.
    pub(crate) fn output(index: u64) -> u64 {
        Decisions::new(7, index).next()
    }
}

impl Job for Step {
    type Output = u64;
    type Progress = Progress;
    type Error = String;
    const NAME: &'static str = "step";

    fn run(self, cx: &mut Context<'_, Self>) -> Result<u64, String> {
        match self.deed {
            Deed::Answer => {}
            Deed::Compute(micros) => {
                let end = Instant::now() + Duration::from_micros(micros);
                let mut at = 0;
                while Instant::now() < end {
                    at += 1;
                    cx.progress(Progress::At(at));
                    cx.check()?;
                }
            }
            Deed::Yield(items, len) => {
                for number in 0..items {
                    cx.emit(Progress::Item { number, bytes: vec![0; len as usize] })?;
                }
            }
            Deed::Fail => return Err(format!("{} fails", self.index)),
            Deed::Panic => panic!("{}", panic_text(self.index)),
            Deed::Abort => abort(),
            Deed::Sleep(micros) => sleep(Duration::from_micros(micros)),
            Deed::Endless => loop {
                cx.check()?;
                sleep(Duration::from_micros(100));
            },
        }
        Ok(Self::output(self.index))
    }
}

/// What a job says that panics.
pub(crate) fn panic_text(index: u64) -> String {
    format!("{index} panics, as planned")
}

pub(crate) fn is_panic(text: &str) -> bool {
    text.ends_with(" panics, as planned")
}

/// The main function of a worker. Its initialiser takes long enough to be killed in.
pub(crate) fn worker() -> homing::jobs::Worker {
    homing::jobs::worker().job::<Step>().init(|| {
        sleep(Decisions::new(0, std::process::id().into()).micros(1000));
        Ok::<_, String>(())
    })
}
