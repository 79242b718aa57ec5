//! What the scheduler decides, seen by its actions.

mod alarms;
mod closing;
mod edges;
mod model;
mod staff;

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;

/// A scheduler, a clock that is set by hand, and helpers to say what workers do.
struct Bench {
    scheduler: Scheduler,
    now: Duration,
    next: u64,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn tries(tries: u32) -> TaskOptions {
    TaskOptions { tries: NonZeroU32::new(tries).unwrap(), ..TaskOptions::default() }
}

/// The `n`th worker of a place.
fn worker(slot: u32, n: u32) -> WorkerId {
    WorkerId { slot, generation: n }
}

impl Bench {
    /// A pool whose first workers have been spawned, and are not ready.
    fn spawned(config: PoolConfig) -> Self {
        let mut bench = Self { scheduler: Scheduler::new(config), now: Duration::ZERO, next: 0 };
        bench.handle(Input::Tick);
        bench
    }

    /// A pool whose first workers are ready.
    fn ready(config: PoolConfig) -> Self {
        let workers = u32::try_from(config.min).unwrap();
        let mut bench = Self::spawned(config);
        for slot in 0..workers {
            bench.be_ready(worker(slot, 1));
        }
        bench
    }

    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.scheduler.next_action()).collect()
    }

    fn handle(&mut self, input: Input) -> Vec<Action> {
        self.scheduler.handle(self.now, input);
        self.drain()
    }

    fn be_ready(&mut self, worker: WorkerId) -> Vec<Action> {
        self.handle(Input::WorkerReady { worker })
    }

    fn submit(&mut self, options: TaskOptions) -> (TaskId, Vec<Action>) {
        let task = TaskId(self.next);
        self.next += 1;
        self.scheduler.submit(self.now, task, options).unwrap();
        (task, self.drain())
    }

    fn start(&mut self, worker: WorkerId, task: TaskId) -> Vec<Action> {
        self.handle(Input::Started { worker, task })
    }

    fn end(&mut self, worker: WorkerId, task: TaskId, how: EndKind) -> Vec<Action> {
        self.handle(Input::Ended { worker, task, how })
    }

    fn complete(&mut self, worker: WorkerId, task: TaskId) -> Vec<Action> {
        self.end(worker, task, EndKind::Completed)
    }

    fn die(&mut self, worker: WorkerId) -> Vec<Action> {
        self.handle(Input::WorkerEnded { worker })
    }

    fn cancel(&mut self, task: TaskId) -> (bool, Vec<Action>) {
        (self.scheduler.cancel(self.now, task), self.drain())
    }

    fn close(&mut self, mode: ClosingMode, grace: Option<Duration>) -> Vec<Action> {
        self.handle(Input::Close { mode, grace })
    }

    /// Time passes, and the alarm rings if it was due within it.
    fn pass(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        let actions = self.handle(Input::Tick);
        let next = self.scheduler.next_alarm();
        assert!(next.is_none_or(|at| at > self.now), "an alarm stays due: {:?}", self.scheduler);
        actions
    }

    fn state(&self, task: TaskId) -> Option<TaskState> {
        self.scheduler.state(task)
    }
}

fn ended(task: TaskId, end: SchedulerEnd) -> Action {
    Action::End { task, end }
}

fn completed(task: TaskId) -> Action {
    ended(task, SchedulerEnd::Reported(EndKind::Completed))
}

fn spawns(actions: &[Action]) -> Vec<WorkerId> {
    let spawn = |action: &Action| match action {
        Action::Spawn { worker } => Some(*worker),
        _ => None,
    };
    actions.iter().filter_map(spawn).collect()
}
