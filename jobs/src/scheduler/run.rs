//! A run: one task with one worker, from when it is sent to when its end is known.

use std::time::Duration;

use super::task::{TaskId, TaskOptions};

/// An alarm that is late by this much was held up by the foreground. The worker's reports were
/// held up too, so they are given this much time to be read before the alarm counts.
const LATE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Run {
    pub(super) task: TaskId,
    options: TaskOptions,
    /// The worker has said that it began.
    pub(super) started: bool,
    /// The worker has been asked to give it back.
    pub(super) recalled: bool,
    pub(super) timed_out: bool,
    cancelled: Option<Duration>,
    /// When its turn came: the worker has nothing to run before it.
    turn: Option<Duration>,
    /// The last sign of life since its turn.
    heard: Duration,
    stalled: bool,
    overdue: bool,
    /// An alarm that was late counts from then on.
    postponed: Option<(Due, Duration)>,
}

/// What a run has used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Deadline,
    Grace,
    Stall,
}

impl Run {
    pub(super) fn new(task: TaskId, options: TaskOptions) -> Self {
        Self {
            task,
            options,
            started: false,
            recalled: false,
            timed_out: false,
            cancelled: None,
            turn: None,
            heard: Duration::ZERO,
            stalled: false,
            overdue: false,
            postponed: None,
        }
    }

    /// Its turn has come.
    pub(super) fn turn(&mut self, now: Duration) {
        self.turn = Some(now);
        self.heard = now;
    }

    /// The worker reported something about it.
    pub(super) fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.stalled = false;
    }

    pub(super) fn cancel(&mut self, now: Duration) {
        self.cancelled.get_or_insert(now);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// Whether its worker may be killed for its sake, which would hit a task held behind it.
    pub(super) fn is_risky(&self) -> bool {
        self.options.deadline.is_some() || self.is_cancelled() || self.timed_out
    }

    /// When its turn came.
    pub(super) fn since(&self) -> Option<Duration> {
        self.turn
    }

    /// When [`expired`](Self::expired) is to be looked at.
    pub(super) fn alarm(&self) -> Option<Duration> {
        let (at, due) = self.next_due()?;
        Some(self.postponed(due).map_or(at, |until| at.max(until)))
    }

    /// What is over, if anything. Each thing is told once.
    pub(super) fn expired(&mut self, now: Duration) -> Option<Due> {
        let (at, due) = self.next_due()?;
        if now < at {
            return None;
        }
        if self.postponed(due).is_none() && now >= at.saturating_add(LATE) {
            self.postponed = Some((due, now.saturating_add(LATE)));
        }
        if self.postponed(due).is_some_and(|until| now < until) {
            return None;
        }
        match due {
            Due::Deadline => self.timed_out = true,
            Due::Grace => self.overdue = true,
            Due::Stall => self.stalled = true,
        }
        Some(due)
    }

    /// Until when this was put off. Nothing is put off twice.
    fn postponed(&self, due: Due) -> Option<Duration> {
        self.postponed.filter(|(postponed, _)| *postponed == due).map(|(_, until)| until)
    }

    fn next_due(&self) -> Option<(Duration, Due)> {
        let turn = self.turn?;
        if self.timed_out {
            return None;
        }
        let deadline =
            self.options.deadline.map(|limit| (turn.saturating_add(limit), Due::Deadline));
        let grace = self.cancelled.filter(|_| !self.overdue).and_then(|cancelled| {
            let grace = self.options.grace?;
            Some((turn.max(cancelled).saturating_add(grace), Due::Grace))
        });
        let stall = self.options.stall.filter(|_| self.started && !self.stalled);
        let stall = stall.filter(|_| self.cancelled.is_none());
        let stall = stall.map(|limit| (self.heard.saturating_add(limit), Due::Stall));
        [deadline, grace, stall].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}
