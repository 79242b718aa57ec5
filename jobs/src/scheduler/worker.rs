//! A worker, as the scheduler sees it.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::PoolConfig;
use super::message::{DeathCause, WorkerId};
use super::restarts::Reached;
use super::run::Run;
use super::task::TaskId;

/// How long the end of a killed process is waited for.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// In which part of its life a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was spawned and initialises itself.
    Starting,
    Ready,
    /// It has been told to end, or has said that it will.
    Retiring,
    /// It has been killed, or says that it cannot go on. The cause counts as a death; none when
    /// it was killed for a task.
    Dying(Option<DeathCause>),
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    phase: Phase,
    was_ready: bool,
    /// When the phase began.
    since: Duration,
    /// When it last became idle.
    idle_since: Duration,
    /// What it was sent, in the order in which it runs them.
    pub(super) runs: VecDeque<Run>,
    /// Tasks that it was sent and has not returned.
    given: u32,
    /// Tasks whose end it reported.
    pub(super) ended: u32,
}

impl Worker {
    pub(super) fn new(now: Duration, id: WorkerId) -> Self {
        Self {
            id,
            phase: Phase::Starting,
            was_ready: false,
            since: now,
            idle_since: now,
            runs: VecDeque::new(),
            given: 0,
            ended: 0,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn enter(&mut self, now: Duration, phase: Phase) {
        self.phase = phase;
        self.was_ready |= phase == Phase::Ready;
        self.since = now;
        self.idle_since = now;
    }

    /// Since when it has been running its task, has been idle, or in its phase.
    pub(super) fn since(&self) -> Duration {
        self.runs.front().and_then(Run::since).unwrap_or(self.since.max(self.idle_since))
    }

    /// It has had as many tasks as it may.
    pub(super) fn is_spent(&self, config: &PoolConfig) -> bool {
        config.max_jobs.is_some_and(|max| self.given >= max.get())
    }

    /// It is ready, and may be sent tasks.
    pub(super) fn serves(&self, config: &PoolConfig) -> bool {
        self.phase == Phase::Ready && !self.is_spent(config)
    }

    /// It counts as one of the workers that the pool should have.
    pub(super) fn is_active(&self, config: &PoolConfig) -> bool {
        match self.phase {
            Phase::Starting | Phase::Dying(_) => true,
            Phase::Ready => !self.is_spent(config),
            Phase::Retiring => false,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Ready && self.runs.is_empty()
    }

    /// Since when it has been idle, if it is.
    pub(super) fn idle_since(&self) -> Option<Duration> {
        self.is_idle().then_some(self.idle_since)
    }

    pub(super) fn push(&mut self, now: Duration, mut run: Run) {
        if self.runs.is_empty() {
            run.turn(now);
        }
        self.runs.push_back(run);
        self.given = self.given.saturating_add(1);
    }

    /// Takes out a run that is over, and gives the next its turn.
    pub(super) fn take(&mut self, now: Duration, task: TaskId) -> Option<Run> {
        let at = self.runs.iter().position(|run| run.task == task)?;
        let run = self.runs.remove(at);
        match self.runs.front_mut() {
            Some(next) if at == 0 => next.turn(now),
            Some(_) => {}
            None => self.idle_since = now,
        }
        run
    }

    /// As [`take`](Self::take), for a run that did not begin and does not count.
    pub(super) fn take_back(&mut self, now: Duration, task: TaskId) -> Option<Run> {
        let unstarted = self.runs.iter().any(|run| run.task == task && !run.started);
        let run = unstarted.then(|| self.take(now, task)).flatten()?;
        self.given = self.given.saturating_sub(1);
        Some(run)
    }

    /// The run whose turn it is, if it is this task's.
    pub(super) fn front_is(&mut self, task: TaskId) -> Option<&mut Run> {
        self.runs.front_mut().filter(|run| run.task == task)
    }

    /// When its timers have to be looked at. Idle time is the pool's affair.
    pub(super) fn alarm(&self, config: &PoolConfig) -> Option<Duration> {
        let limit = match self.phase {
            Phase::Ready => return self.runs.front().and_then(Run::alarm),
            Phase::Starting => config.start_timeout.filter(|_| config.can_kill)?,
            Phase::Retiring => config.retire_grace,
            Phase::Dying(_) => KILL_TIMEOUT,
        };
        Some(self.since.saturating_add(limit))
    }

    /// How far it has come.
    pub(super) fn reached(&self) -> Reached {
        match (self.ended, self.was_ready) {
            (1.., _) => Reached::Use,
            (0, true) => Reached::Ready,
            (0, false) => Reached::Start,
        }
    }

    /// What its end now says about the pool; nothing if it was to end.
    pub(super) fn cause_of_death(&self) -> Option<DeathCause> {
        match self.phase {
            Phase::Starting => Some(DeathCause::Starting),
            Phase::Ready => Some(DeathCause::Running),
            Phase::Retiring => None,
            Phase::Dying(cause) => cause,
        }
    }
}
