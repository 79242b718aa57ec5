//! The parts of the march: pools of several kinds, one after the other.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use homing::jobs::{Backend, Closing, Pool, PoolBuilder, Processes, Restart, Runs, Task, Threads};
use homing::std_loop::EventLoop;
use homing::{ProcessTransport, Router};

use super::Orders;
use super::job::{CancelAt, Decisions, Plan, Step};
use super::killer::{Killer, Kills};
use super::ledger::{Ledger, Tally};

/// Ends a march that hangs.
const HANG: Duration = Duration::from_secs(120);

/// So many jobs are with the pool at a time.
const OPEN: usize = 64;

/// One part.
#[derive(Clone, Copy, Debug)]
struct Part {
    name: &'static str,
    /// Its share of the jobs, in tenths.
    share: u64,
    ahead: usize,
    max_jobs: Option<u32>,
    elastic: bool,
    /// The foreground sleeps at times.
    slow: bool,
}

const FIXED: Part =
    Part { name: "fixed", share: 4, ahead: 0, max_jobs: None, elastic: false, slow: false };

const PARTS: [Part; 5] = [
    FIXED,
    Part { name: "one ahead", share: 2, ahead: 1, ..FIXED },
    Part { name: "two jobs a worker", share: 1, max_jobs: Some(2), ..FIXED },
    Part { name: "elastic", share: 1, elastic: true, ahead: 2, ..FIXED },
    Part { name: "slow foreground", share: 2, slow: true, ahead: 1, ..FIXED },
];

/// What handlers know.
pub(super) struct Field {
    ledger: Ledger,
    ended: u64,
}

/// What is the same in all parts.
struct Campaign<'a> {
    orders: &'a Orders,
    router: Router<Field>,
    field: Field,
    killer: Killer,
    decide: Decisions,
    next: u64,
    deaths: u64,
    processes: bool,
}

pub(super) fn on_threads(orders: &Orders) -> (Tally, Kills, u64) {
    let mut campaign = Campaign::new(orders, false);
    for part in PARTS {
        let builder = Pool::builder(&campaign.router).threads(orders.workers);
        let pool: Pool<Field, Threads> = configure(builder, part, orders).start().unwrap();
        campaign.march(part, &pool);
    }
    campaign.end()
}

pub(super) fn on_processes<T: ProcessTransport + 'static>(
    orders: &Orders,
    transport: fn() -> T,
) -> (Tally, Kills, u64) {
    let mut campaign = Campaign::new(orders, true);
    for part in PARTS {
        let command = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let builder =
            Pool::builder(&campaign.router).processes(orders.workers, transport(), command);
        let pool: Pool<Field, Processes> = configure(builder, part, orders).start().unwrap();
        campaign.march(part, &pool);
    }
    campaign.end()
}

fn configure<W>(
    builder: PoolBuilder<Field, W>,
    part: Part,
    orders: &Orders,
) -> PoolBuilder<Field, W> {
    let short = Duration::from_millis(1);
    let restart = Restart::new().forever().backoff(short, 2, 4 * short);
    let mut builder = builder.named(part.name).restart(restart).ahead(part.ahead);
    if let Some(max) = part.max_jobs {
        builder = builder.max_jobs(max);
    }
    if part.elastic {
        builder = builder.elastic(0..=orders.workers, 2 * short);
    }
    builder
}

impl<'a> Campaign<'a> {
    fn new(orders: &'a Orders, processes: bool) -> Self {
        let event_loop = EventLoop::new().unwrap();
        let router = Router::new(&event_loop);
        router.start().unwrap();
        Self {
            orders,
            router,
            field: Field { ledger: Ledger::new(processes), ended: 0 },
            killer: Killer::start(),
            decide: Decisions::new(orders.seed, u64::MAX),
            next: 0,
            deaths: 0,
            processes,
        }
    }

    fn march<K: Runs<Step>>(&mut self, part: Part, pool: &Pool<Field, K>) {
        let last = self.next + self.orders.jobs * part.share / 10;
        let first = self.next;
        while self.next < last || self.field.ledger.open() > 0 {
            while self.next < last && self.field.ledger.open() < OPEN {
                self.submit(pool);
            }
            self.kill(pool);
            if part.slow && self.decide.below(50) == 0 {
                sleep(self.decide.micros(20_000));
            }
            self.route(pool);
        }
        // Some workers are killed while they are told to end.
        pool.close(Closing::Run, None);
        self.kill(pool);
        let routed = self.router.route_until(&mut self.field, |_| pool.is_closed(), Some(HANG));
        let stats = pool.stats();
        assert!(
            routed.is_ok() && stats.workers.is_empty(),
            "{routed:?}, part {}: {pool:?}",
            part.name
        );
        assert_eq!(stats.ends.total(), last - first, "part {}: {stats:?}", part.name);
        self.deaths += stats.deaths;
    }

    fn submit<K: Runs<Step>>(&mut self, pool: &Pool<Field, K>) {
        let index = self.next;
        self.next += 1;
        let plan = Plan::of(self.orders.seed, index, self.processes);
        self.field.ledger.submit(index, plan);
        let task = std::rc::Rc::new(std::cell::OnceCell::<Task>::new());
        let own = std::rc::Rc::clone(&task);
        let handler = move |field: &mut Field, event| {
            let open = field.ledger.open();
            if field.ledger.note(index, event) {
                let done = own.get().is_some_and(Task::cancel);
                if done {
                    field.ledger.cancelled(index);
                }
            }
            field.ended += u64::from(field.ledger.open() < open);
        };
        let step = Step { index, deed: plan.deed };
        let submitted = pool.submit_with(plan.options(), step, handler).unwrap();
        if plan.cancel == Some(CancelAt::Submission) && submitted.cancel() {
            self.field.ledger.cancelled(index);
        }
        task.set(submitted).unwrap();
    }

    /// Kills as many workers as the jobs that have ended call for.
    fn kill<K: Backend>(&mut self, pool: &Pool<Field, K>) {
        let due = self.orders.kills * self.field.ended / self.orders.jobs.max(1);
        while self.processes && self.killer.kills.total() < due {
            let workers = pool.stats().workers;
            if workers.is_empty() {
                return;
            }
            let chosen = self.decide.below(workers.len() as u64);
            let after = self.decide.micros(300);
            let worker = workers.get(usize::try_from(chosen).unwrap()).unwrap();
            if !self.killer.kill(worker, after) {
                return;
            }
        }
    }

    /// Routes until a job has ended.
    fn route<K: Backend>(&mut self, pool: &Pool<Field, K>) {
        let before = self.field.ended;
        let ended = |field: &mut Field| field.ended > before;
        let routed = self.router.route_until(&mut self.field, ended, Some(HANG));
        assert!(routed.is_ok(), "{routed:?}, {} ended: {pool:?}", self.field.ended);
    }

    fn end(mut self) -> (Tally, Kills, u64) {
        let kills = self.killer.stop();
        self.router.stop(&mut self.field).unwrap();
        assert_eq!(self.field.ledger.tally.total(), self.next, "{}", self.field.ledger.tally);
        (self.field.ledger.tally, kills, self.deaths)
    }
}
