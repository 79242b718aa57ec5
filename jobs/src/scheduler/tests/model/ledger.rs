//! What has been told, and what must come of it.

use std::collections::BTreeMap;

use super::super::*;

/// What is known of a task.
#[derive(Debug)]
pub(super) struct Entry {
    options: TaskOptions,
    cancelled: bool,
    /// The worker that has it.
    pub(super) at: Option<WorkerId>,
    started: bool,
    deaths: u32,
    /// When it became the first that its worker has.
    turn: Option<Duration>,
    /// Its worker was killed because of its deadline.
    late: bool,
    pub(super) end: Option<SchedulerEnd>,
}

/// What is known of a worker.
#[derive(Debug, Default)]
struct Seen {
    ready: bool,
    told_to_end: bool,
    /// When it was killed.
    killed: Option<Duration>,
    tasks: Vec<TaskId>,
    given: u32,
}

impl Seen {
    fn serves(&self) -> bool {
        self.ready && !self.told_to_end && self.killed.is_none()
    }
}

#[derive(Debug)]
pub(super) struct Ledger {
    config: PoolConfig,
    pub(super) tasks: BTreeMap<TaskId, Entry>,
    workers: BTreeMap<(u32, u32), Seen>,
    pub(super) closing: Option<Option<Duration>>,
    aborted: bool,
    pub(super) gave_up: bool,
    pub(super) closed: bool,
    /// What is being handled.
    input: Option<Input>,
    now: Duration,
}

fn key(worker: WorkerId) -> (u32, u32) {
    (worker.slot, worker.generation)
}

impl Ledger {
    pub(super) fn new(config: PoolConfig) -> Self {
        Self {
            config,
            tasks: BTreeMap::new(),
            workers: BTreeMap::new(),
            closing: None,
            aborted: false,
            gave_up: false,
            closed: false,
            input: None,
            now: Duration::ZERO,
        }
    }

    pub(super) fn submit(&mut self, now: Duration, task: TaskId, options: TaskOptions) {
        assert!(self.closing.is_none() && !self.gave_up, "a task was accepted");
        self.now = now;
        self.input = None;
        let entry = Entry {
            options,
            cancelled: false,
            at: None,
            started: false,
            deaths: 0,
            turn: None,
            late: false,
            end: None,
        };
        self.tasks.insert(task, entry);
    }

    /// The answer to `cancel`, before the actions that it had.
    pub(super) fn cancel(&mut self, now: Duration, task: TaskId, done: bool) {
        self.now = now;
        self.input = None;
        let entry = self.tasks.get_mut(&task).unwrap();
        let possible = entry.end.is_none() && !entry.cancelled && !entry.late;
        assert_eq!(done, possible, "the answer to a cancel: {entry:?}");
        entry.cancelled |= done;
    }

    /// An input, before the actions that it had. Says which tasks must be over then, and how.
    pub(super) fn input(&mut self, now: Duration, input: Input) -> Vec<(TaskId, SchedulerEnd)> {
        self.now = now;
        self.input = Some(input);
        match input {
            Input::WorkerReady { worker } => {
                self.workers.get_mut(&key(worker)).into_iter().for_each(|seen| seen.ready = true);
            }
            Input::InitFailed { worker } | Input::SpawnFailed { worker } => {
                let seen = self.workers.get_mut(&key(worker));
                if let Some(seen) = seen.filter(|seen| !seen.told_to_end) {
                    seen.killed.get_or_insert(now);
                }
                if matches!(input, Input::SpawnFailed { .. }) {
                    return self.worker_ended(worker);
                }
            }
            Input::Leaving { worker } => {
                if let Some(seen) = self.workers.get_mut(&key(worker)) {
                    seen.told_to_end = true;
                }
            }
            Input::Started { worker, task } if self.has(worker, task) => {
                self.tasks.get_mut(&task).unwrap().started = true;
            }
            Input::Ended { worker, task, how } if self.has(worker, task) => {
                let end = self.tasks[&task].end.unwrap_or(SchedulerEnd::Reported(how));
                self.take(worker, task);
                return vec![(task, end)];
            }
            Input::Returned { worker, task } if self.has(worker, task) => {
                self.take(worker, task);
                let seen = self.workers.get_mut(&key(worker)).unwrap();
                seen.given -= 1;
                let entry = self.tasks.get_mut(&task).unwrap();
                assert!(!entry.started);
                if entry.end.is_none() && entry.cancelled {
                    return vec![(task, SchedulerEnd::Cancelled)];
                }
            }
            Input::WorkerEnded { worker } => return self.worker_ended(worker),
            Input::Close { mode, grace } if !self.closed => self.close(mode, grace),
            Input::Abort => {
                self.aborted = true;
                self.closing = Some(None);
                self.workers.clear();
                let live = self.tasks.iter().filter(|(_, entry)| entry.end.is_none());
                return live.map(|(task, _)| (*task, SchedulerEnd::Cancelled)).collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn close(&mut self, mode: ClosingMode, grace: Option<Duration>) {
        self.closing = Some(grace.map(|grace| self.now + grace));
        for entry in self.tasks.values_mut().filter(|entry| entry.end.is_none() && !entry.late) {
            entry.cancelled |= match mode {
                ClosingMode::Run => false,
                ClosingMode::Finish => !entry.started,
                ClosingMode::Cancel => true,
            };
        }
    }

    fn has(&self, worker: WorkerId, task: TaskId) -> bool {
        self.workers.get(&key(worker)).is_some_and(|seen| seen.tasks.contains(&task))
    }

    /// The worker has the task no longer.
    fn take(&mut self, worker: WorkerId, task: TaskId) {
        let seen = self.workers.get_mut(&key(worker)).unwrap();
        let front = seen.tasks.first() == Some(&task);
        seen.tasks.retain(|other| *other != task);
        let next = seen.tasks.first().copied();
        self.tasks.get_mut(&task).unwrap().at = None;
        if let Some(next) = next.filter(|_| front) {
            self.tasks.get_mut(&next).unwrap().turn = Some(self.now);
        }
    }

    /// What a worker's end must come to for the tasks that it has.
    fn worker_ended(&mut self, worker: WorkerId) -> Vec<(TaskId, SchedulerEnd)> {
        let Some(seen) = self.workers.remove(&key(worker)) else { return Vec::new() };
        let mut ends = Vec::new();
        for task in seen.tasks {
            let entry = self.tasks.get_mut(&task).unwrap();
            entry.at = None;
            entry.deaths += u32::from(std::mem::take(&mut entry.started));
            let deaths = entry.deaths;
            let end = if entry.cancelled {
                SchedulerEnd::Cancelled
            } else if entry.late {
                SchedulerEnd::TimedOut
            } else if deaths >= entry.options.tries.get() || !self.config.can_resend {
                SchedulerEnd::Lost { worker, deaths }
            } else {
                continue;
            };
            ends.push((task, entry.end.unwrap_or(end)));
        }
        ends
    }

    /// When a pool's time is over, what is left of its tasks is cancelled.
    pub(super) fn close_over(&mut self) {
        let over = self.closing.flatten().is_some_and(|until| self.now >= until);
        if over && self.input == Some(Input::Tick) {
            for entry in self.tasks.values_mut().filter(|entry| entry.end.is_none()) {
                entry.cancelled |= !entry.late;
            }
        }
    }

    /// Follows an action, and objects to what may not be.
    pub(super) fn action(&mut self, action: Action) {
        match action {
            Action::Spawn { worker } => {
                assert!(!self.gave_up && !self.closed);
                assert!(self.workers.len() < 2 * self.config.max, "too many workers");
                assert!(self.workers.insert(key(worker), Seen::default()).is_none());
            }
            Action::Send { worker, task } => self.sent(worker, task),
            Action::Cancel { worker, task } => {
                let entry = self.tasks.get_mut(&task).unwrap();
                assert_eq!(entry.at, Some(worker));
                // Those that are left when a pool's time is over are cancelled by it.
                entry.cancelled |= entry.end.is_none() && self.closing.is_some();
            }
            Action::Recall { worker, task } => assert!(self.has(worker, task)),
            Action::Retire { worker } => self.retired(worker),
            Action::Kill { worker } => self.killed(worker),
            Action::Forget { worker } => {
                self.worker_ended(worker);
            }
            Action::Started { task, retried } => {
                let entry = &self.tasks[&task];
                assert!(entry.started && !entry.cancelled && entry.end.is_none());
                assert_eq!(entry.deaths, retried);
            }
            Action::Progress { task } => {
                let entry = &self.tasks[&task];
                assert!(entry.started && !entry.cancelled && entry.end.is_none());
            }
            Action::End { task, end } => self.ended(task, end),
            Action::Retry { task, deaths } => {
                let entry = &self.tasks[&task];
                assert_eq!((entry.deaths, entry.end, entry.cancelled), (deaths, None, false));
                assert!(deaths < entry.options.tries.get());
            }
            Action::Overdue { task } => {
                assert!(!self.config.can_kill && self.tasks[&task].cancelled);
            }
            Action::Stalled { task } => assert!(self.tasks[&task].started),
            Action::GaveUp { .. } => assert!(!std::mem::replace(&mut self.gave_up, true)),
            Action::Closed => {
                assert!(self.closing.is_some() || self.gave_up);
                assert!(self.workers.is_empty() && self.live() == 0);
                assert!(!std::mem::replace(&mut self.closed, true));
            }
        }
    }

    fn sent(&mut self, worker: WorkerId, task: TaskId) {
        let entry = self.tasks.get_mut(&task).unwrap();
        assert!(entry.end.is_none() && !entry.cancelled && entry.at.is_none(), "{entry:?}");
        entry.at = Some(worker);
        let seen = self.workers.get_mut(&key(worker)).unwrap();
        assert!(seen.serves() && seen.tasks.len() <= self.config.ahead, "{seen:?}");
        entry.turn = seen.tasks.is_empty().then_some(self.now);
        seen.tasks.push(task);
        seen.given += 1;
        assert!(self.config.max_jobs.is_none_or(|max| seen.given <= max.get()), "{seen:?}");
        let busy = self.workers.values().filter(|seen| !seen.tasks.is_empty()).count();
        assert!(busy <= self.config.max, "more tasks at once than workers wanted");
    }

    fn retired(&mut self, worker: WorkerId) {
        let seen = self.workers.get_mut(&key(worker)).unwrap();
        assert!(seen.tasks.is_empty() && seen.killed.is_none() && !seen.told_to_end);
        seen.told_to_end = true;
        let open = self.closing.is_none() && !self.gave_up;
        if open && self.config.min > 0 {
            let ready = self.workers.values().filter(|seen| seen.serves()).count();
            assert!(ready > 0, "the last worker that was ready retires");
        }
    }

    fn killed(&mut self, worker: WorkerId) {
        let now = self.now;
        let over = self.closing.flatten().is_some_and(|until| now >= until);
        let Some(seen) = self.workers.get_mut(&key(worker)) else { return };
        if let Some(before) = seen.killed {
            // Once more, before it is forgotten.
            assert!(now >= before + ms(5000), "killed twice");
            return;
        }
        seen.killed = Some(now);
        let front = seen.tasks.first().map(|task| self.tasks.get_mut(task).unwrap());
        if let Some(front) = front
            && self.input == Some(Input::Tick)
            && !seen.told_to_end
            && !front.cancelled
        {
            let due = front.turn.zip(front.options.deadline).map(|(turn, limit)| turn + limit);
            front.late = true;
            assert!(due.is_some_and(|due| now >= due), "killed without a reason: {front:?}");
        }
        if !self.config.can_kill {
            assert!(over || self.aborted, "a thread is left behind");
            self.worker_ended(worker);
        }
    }

    fn ended(&mut self, task: TaskId, end: SchedulerEnd) {
        let over = self.closing.flatten().is_some_and(|until| self.now >= until);
        let late = {
            let entry = &self.tasks[&task];
            let due = entry.turn.zip(entry.options.deadline).map(|(turn, limit)| turn + limit);
            due.is_some_and(|due| self.now >= due)
        };
        let entry = self.tasks.get_mut(&task).unwrap();
        assert_eq!(entry.end, None, "{task:?} ends again as {end:?}");
        match end {
            SchedulerEnd::Reported(told) => {
                let told_of = matches!(self.input, Some(Input::Ended { task: of, how, .. }) if of == task && how == told);
                assert!(told_of, "{:?}", self.input);
            }
            SchedulerEnd::Cancelled => {
                assert!(entry.cancelled || self.aborted || over, "{entry:?}")
            }
            SchedulerEnd::TimedOut => assert!(late, "{entry:?}"),
            SchedulerEnd::Lost { deaths, .. } => {
                assert!(!entry.cancelled && deaths == entry.deaths, "{entry:?}");
                assert!(!self.config.can_resend || deaths >= entry.options.tries.get());
            }
            SchedulerEnd::Abandoned => assert!(self.gave_up && entry.at.is_none()),
        }
        entry.end = Some(end);
    }

    /// The state that a task is in.
    pub(super) fn state(entry: &Entry) -> Option<TaskState> {
        match (entry.end, entry.cancelled, entry.started) {
            (Some(_), ..) => None,
            (None, true, _) => Some(TaskState::Cancelling),
            (None, false, true) => Some(TaskState::Executing),
            (None, false, false) => Some(TaskState::Waiting),
        }
    }

    /// How many tasks have not ended.
    pub(super) fn live(&self) -> usize {
        self.tasks.values().filter(|entry| entry.end.is_none()).count()
    }

    /// No task waits while a worker could run it.
    pub(super) fn assert_no_idleness(&self) {
        let busy = self.workers.values().filter(|seen| !seen.tasks.is_empty()).count();
        let spent = |seen: &Seen| self.config.max_jobs.is_some_and(|max| seen.given >= max.get());
        let free = |seen: &&Seen| seen.serves() && seen.tasks.is_empty() && !spent(seen);
        let waits = self.tasks.values().any(|entry| entry.end.is_none() && entry.at.is_none());
        let idle = busy < self.config.max && self.workers.values().any(|seen| free(&seen));
        assert!(!(waits && idle), "a task waits, and a worker is free: {self:?}");
    }
}
