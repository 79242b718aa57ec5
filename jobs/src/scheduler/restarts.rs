//! When workers that died are replaced, and when no more.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::RestartPolicy;

#[derive(Debug)]
pub(super) struct Restarts {
    policy: RestartPolicy,
    /// Workers in a row that died before they ended a task.
    useless: u32,
    /// Workers in a row that died before they were ready, and when the first of them did.
    unready: u32,
    unready_since: Duration,
    /// No worker is started before.
    not_before: Duration,
    /// When the deaths were that count, within the policy's period.
    recent: VecDeque<Duration>,
}

/// How far a worker came before it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// It did not get ready.
    Start,
    /// It was ready, and did not end a task.
    Ready,
    /// It ended a task.
    Use,
}

/// Workers died too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) deaths: u32,
    pub(super) within: Duration,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            useless: 0,
            unready: 0,
            unready_since: Duration::ZERO,
            not_before: Duration::ZERO,
            recent: VecDeque::new(),
        }
    }

    /// Until when starts are put off.
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// A worker ended a task: workers are of use.
    pub(super) fn worked(&mut self) {
        self.useless = 0;
    }

    /// A worker got ready.
    pub(super) fn ready(&mut self) {
        self.unready = 0;
    }

    /// A worker died. An error when that is once too often.
    pub(super) fn died(&mut self, now: Duration, reached: Reached) -> Result<(), TooMany> {
        if reached == Reached::Use {
            return if self.policy.every_death { self.count(now) } else { Ok(()) };
        }
        self.not_before = self.not_before.max(now.saturating_add(self.delay()));
        self.useless = self.useless.saturating_add(1);
        self.count(now)?;
        if reached == Reached::Start { self.count_unready(now) } else { Ok(()) }
    }

    /// Starts that fail slowly are never many within the period. They are too many all the same.
    fn count_unready(&mut self, now: Duration) -> Result<(), TooMany> {
        if self.unready == 0 {
            self.unready_since = now;
        }
        self.unready = self.unready.saturating_add(1);
        if self.policy.intensity.is_none_or(|intensity| self.unready <= intensity) {
            return Ok(());
        }
        Err(TooMany { deaths: self.unready, within: now.saturating_sub(self.unready_since) })
    }

    /// The delay after one more useless worker.
    fn delay(&self) -> Duration {
        let factor = self.policy.factor.saturating_pow(self.useless);
        self.policy.first.saturating_mul(factor).min(self.policy.max)
    }

    fn count(&mut self, now: Duration) -> Result<(), TooMany> {
        let Some(intensity) = self.policy.intensity else { return Ok(()) };
        let outdated = |at: &Duration| now.saturating_sub(*at) > self.policy.period;
        while self.recent.front().is_some_and(outdated) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let deaths = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let first = self.recent.front().copied().unwrap_or(now);
        if deaths <= intensity {
            return Ok(());
        }
        Err(TooMany { deaths, within: now.saturating_sub(first) })
    }
}
