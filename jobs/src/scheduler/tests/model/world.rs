//! Workers that read their orders late, whose reports are read late, and who die.

use std::collections::{BTreeSet, VecDeque};

use super::super::*;
use super::ledger::Ledger;
use super::{Finale, Op};

#[derive(Clone, Copy, Debug)]
enum Order {
    Run(TaskId),
    Cancel(TaskId),
    Recall(TaskId),
    Retire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Booting,
    Serving,
    Dead,
}

#[derive(Debug)]
struct SimWorker {
    id: WorkerId,
    stage: Stage,
    orders: VecDeque<Order>,
    held: VecDeque<TaskId>,
    running: Option<TaskId>,
    /// It was killed, and its end will not be seen.
    zombie: bool,
    /// Reports on their way to the foreground.
    reports: VecDeque<Input>,
}

pub(super) struct World {
    scheduler: Scheduler,
    ledger: Ledger,
    now: Duration,
    next: u64,
    workers: Vec<SimWorker>,
    /// The ends of workers that were killed are not seen.
    unkillable: bool,
    can_kill: bool,
    /// Tasks that were cancelled before any worker had them.
    never: BTreeSet<TaskId>,
}

impl World {
    pub(super) fn new(config: PoolConfig, unkillable: bool) -> Self {
        let mut world = Self {
            scheduler: Scheduler::new(config.clone()),
            can_kill: config.can_kill,
            ledger: Ledger::new(config),
            now: Duration::ZERO,
            next: 0,
            workers: Vec::new(),
            unkillable,
            never: BTreeSet::new(),
        };
        world.handle(Input::Tick);
        world
    }

    pub(super) fn perform(&mut self, op: Op) {
        match op {
            Op::Submit(options) => self.submit(options),
            Op::Cancel(at) => self.cancel(at),
            Op::Boot(at, ok) => self.with(at, |worker| worker.boot(ok)),
            Op::SpawnFails(at) => self.fail_spawn(at),
            Op::Read(at) => self.with(at, SimWorker::read),
            Op::Begin(at) => self.begin(at),
            Op::Progress(at) => self.with(at, SimWorker::progress),
            Op::Finish(at, how) => self.with(at, |worker| worker.finish(how)),
            Op::Die(at) => self.with(at, SimWorker::die),
            Op::Leave(at) => self.with(at, SimWorker::leave),
            Op::OverMemory(at) => {
                let id = self.pick(at).map(|worker| worker.id);
                if let Some(worker) = id.filter(|_| self.can_kill) {
                    self.handle(Input::OverMemory { worker });
                }
            }
            Op::Deliver(at) => self.deliver(at),
            Op::Pass(time) => self.pass(time),
            Op::Close(mode, grace) => self.handle(Input::Close { mode, grace }),
            Op::Abort => self.handle(Input::Abort),
        }
    }

    fn pick(&mut self, at: usize) -> Option<&mut SimWorker> {
        let count = self.workers.len();
        self.workers.get_mut(at % count.max(1))
    }

    fn with(&mut self, at: usize, act: impl FnOnce(&mut SimWorker)) {
        self.pick(at).into_iter().for_each(act_once(act));
    }

    fn submit(&mut self, options: TaskOptions) {
        let task = TaskId(self.next);
        self.next += 1;
        if self.scheduler.submit(self.now, task, options).is_ok() {
            self.ledger.submit(self.now, task, options);
        }
        self.carry_out();
    }

    fn cancel(&mut self, at: usize) {
        let tasks: Vec<_> = self.ledger.tasks.keys().copied().collect();
        let Some(task) = tasks.get(at % tasks.len().max(1)).copied() else { return };
        let entry = &self.ledger.tasks[&task];
        if entry.end.is_none() && entry.at.is_none() {
            self.never.insert(task);
        }
        let done = self.scheduler.cancel(self.now, task);
        self.ledger.cancel(self.now, task, done);
        self.carry_out();
        let ended = self.ledger.tasks[&task].end.is_some();
        assert!(ended || !self.never.contains(&task), "it was cancelled while it waited");
    }

    fn handle(&mut self, input: Input) {
        self.scheduler.handle(self.now, input);
        let musts = self.ledger.input(self.now, input);
        self.carry_out();
        for (task, end) in musts {
            assert_eq!(self.ledger.tasks[&task].end, Some(end), "the end of {task:?}");
        }
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.scheduler.next_action() {
            self.ledger.action(action);
            match action {
                Action::Spawn { worker } => self.workers.push(SimWorker::new(worker)),
                Action::Send { worker, task } => self.order(worker, Order::Run(task)),
                Action::Cancel { worker, task } => self.order(worker, Order::Cancel(task)),
                Action::Recall { worker, task } => self.order(worker, Order::Recall(task)),
                Action::Retire { worker } => self.order(worker, Order::Retire),
                Action::Kill { worker } => {
                    let zombie = self.unkillable && self.can_kill;
                    self.find(worker).into_iter().for_each(|worker| worker.be_killed(zombie));
                }
                _ => {}
            }
        }
        self.ledger.close_over();
        self.ledger.assert_no_idleness();
        self.compare_stats();
    }

    fn compare_stats(&self) {
        let stats = self.scheduler.stats();
        let live = stats.waiting + stats.executing + stats.cancelling;
        assert_eq!(live, self.ledger.live(), "{stats:?}");
        for (task, entry) in &self.ledger.tasks {
            assert_eq!(self.scheduler.state(*task), Ledger::state(entry), "{task:?}: {entry:?}");
        }
    }

    fn find(&mut self, id: WorkerId) -> Option<&mut SimWorker> {
        self.workers.iter_mut().find(|worker| worker.id == id)
    }

    fn order(&mut self, worker: WorkerId, order: Order) {
        self.find(worker).into_iter().for_each(|worker| worker.orders.push_back(order));
    }

    fn fail_spawn(&mut self, at: usize) {
        let booting = self.pick(at).filter(|worker| worker.stage == Stage::Booting);
        let Some(worker) = booting.map(|worker| worker.id) else { return };
        self.workers.retain(|other| other.id != worker);
        self.handle(Input::SpawnFailed { worker });
    }

    fn begin(&mut self, at: usize) {
        let Some(begun) = self.pick(at).and_then(SimWorker::begin) else { return };
        assert!(!self.never.contains(&begun), "a task runs that was cancelled while it waited");
        if self.can_kill {
            let running = self.workers.iter().filter(|worker| worker.running == Some(begun));
            assert_eq!(running.count(), 1, "a task runs twice at once");
            assert_eq!(self.ledger.tasks[&begun].end, None, "a task runs that has ended");
        }
    }

    /// The next report, or the end, of a worker reaches the foreground.
    fn deliver(&mut self, at: usize) {
        let Some(worker) = self.pick(at) else { return };
        let id = worker.id;
        if let Some(report) = worker.reports.pop_front() {
            self.handle(report);
        } else if worker.stage == Stage::Dead && !worker.zombie {
            self.workers.retain(|worker| worker.id != id);
            self.handle(Input::WorkerEnded { worker: id });
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        // What a tick starts may have no time at all.
        for _ in 0..100 {
            self.handle(Input::Tick);
            if self.scheduler.next_alarm().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("an alarm stays due: {:?}", self.scheduler);
    }

    /// From here on the workers do what the finale says, and time passes as alarms want it.
    pub(super) fn play_out(&mut self, finale: Finale) {
        for _ in 0..20_000 {
            let moved = (0..self.workers.len()).rev().fold(false, |moved, at| {
                let moves = self.workers.get(at).is_some_and(|worker| !worker.is_done());
                if moves {
                    self.play(at, finale);
                }
                moved | moves
            });
            if !moved {
                let Some(at) = self.scheduler.next_alarm() else { return };
                if self.is_quiet() {
                    return;
                }
                self.pass(at.saturating_sub(self.now));
            }
        }
        panic!("no end: {:?}", self.scheduler);
    }

    fn play(&mut self, at: usize, finale: Finale) {
        self.with(at, |worker| match (worker.stage, finale) {
            (Stage::Booting, Finale::DieStarting) => worker.die(),
            (Stage::Booting, _) => worker.boot(true),
            _ => worker.read(),
        });
        self.begin(at);
        self.with(at, |worker| match finale {
            Finale::Work => worker.finish(EndKind::Completed),
            Finale::DieWorking | Finale::DieStarting if worker.running.is_some() => worker.die(),
            Finale::DieWorking | Finale::DieStarting => {}
        });
        self.deliver(at);
    }

    /// Nothing is left but workers that wait for work.
    fn is_quiet(&self) -> bool {
        let ends = self.ledger.closing.is_some() || self.ledger.gave_up;
        self.ledger.live() == 0 && (!ends || self.ledger.closed)
    }

    pub(super) fn assert_over(&self) {
        assert_eq!(self.ledger.live(), 0, "tasks that hang: {:?}", self.scheduler);
        let ends = self.ledger.closing.is_some() || self.ledger.gave_up;
        assert_eq!(self.ledger.closed, ends, "{:?}", self.scheduler);
    }
}

/// For an option's `for_each`, which asks for more than it needs.
fn act_once<'a>(act: impl FnOnce(&mut SimWorker)) -> impl FnMut(&'a mut SimWorker) {
    let mut act = Some(act);
    move |worker| act.take().into_iter().for_each(|act| act(worker))
}

impl SimWorker {
    fn new(id: WorkerId) -> Self {
        Self {
            id,
            stage: Stage::Booting,
            orders: VecDeque::new(),
            held: VecDeque::new(),
            running: None,
            zombie: false,
            reports: VecDeque::new(),
        }
    }

    fn boot(&mut self, ok: bool) {
        if self.stage == Stage::Booting {
            self.stage = if ok { Stage::Serving } else { Stage::Dead };
            let worker = self.id;
            let ready = Input::WorkerReady { worker };
            self.reports.push_back(if ok { ready } else { Input::InitFailed { worker } });
        }
    }

    fn read(&mut self) {
        if self.stage != Stage::Serving {
            return;
        }
        let worker = self.id;
        match self.orders.pop_front() {
            Some(Order::Run(task)) => self.held.push_back(task),
            Some(Order::Cancel(task)) if self.drop_held(task) => {
                let how = EndKind::Cancelled;
                self.reports.push_back(Input::Ended { worker, task, how });
            }
            Some(Order::Recall(task)) if self.drop_held(task) => {
                self.reports.push_back(Input::Returned { worker, task });
            }
            Some(Order::Retire) => {
                assert!(self.held.is_empty() && self.running.is_none());
                self.die();
            }
            _ => {}
        }
    }

    fn drop_held(&mut self, task: TaskId) -> bool {
        let count = self.held.len();
        self.held.retain(|held| *held != task);
        self.held.len() < count
    }

    fn begin(&mut self) -> Option<TaskId> {
        if self.stage != Stage::Serving || self.running.is_some() {
            return None;
        }
        let task = self.held.pop_front()?;
        self.running = Some(task);
        self.reports.push_back(Input::Started { worker: self.id, task });
        Some(task)
    }

    fn progress(&mut self) {
        if let Some(task) = self.running {
            self.reports.push_back(Input::Progress { worker: self.id, task });
        }
    }

    fn finish(&mut self, how: EndKind) {
        if let Some(task) = self.running.take() {
            self.reports.push_back(Input::Ended { worker: self.id, task, how });
        }
    }

    fn leave(&mut self) {
        if self.stage == Stage::Serving && self.running.is_none() {
            self.reports.push_back(Input::Leaving { worker: self.id });
            self.die();
        }
    }

    fn die(&mut self) {
        self.stage = Stage::Dead;
        self.running = None;
        self.held.clear();
        self.orders.clear();
    }

    fn be_killed(&mut self, zombie: bool) {
        self.zombie |= zombie && self.stage != Stage::Dead;
        self.die();
    }

    /// It does nothing more by itself.
    fn is_done(&self) -> bool {
        let silent = self.reports.is_empty();
        match self.stage {
            Stage::Booting => false,
            Stage::Dead => silent && self.zombie,
            Stage::Serving => {
                silent && self.orders.is_empty() && self.held.is_empty() && self.running.is_none()
            }
        }
    }
}
