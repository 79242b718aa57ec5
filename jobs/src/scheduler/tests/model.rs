//! The scheduler beside a model: a [`World`] of workers that answer late, or die, and a
//! [`Ledger`] that follows what is told and knows by the rules alone what must come of it.

mod ledger;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use world::World;

/// Something that happens. Numbers choose among the workers, or tasks, that there are.
#[derive(Clone, Debug)]
enum Op {
    Submit(TaskOptions),
    Cancel(usize),
    /// The worker's initialiser ends, well or not.
    Boot(usize, bool),
    SpawnFails(usize),
    /// The worker reads an order.
    Read(usize),
    /// The worker begins what it was sent.
    Begin(usize),
    Progress(usize),
    Finish(usize, EndKind),
    Die(usize),
    /// The worker ends by itself, and says so.
    Leave(usize),
    OverMemory(usize),
    /// The foreground reads a report, or learns of the worker's end.
    Deliver(usize),
    Pass(Duration),
    Close(ClosingMode, Option<Duration>),
    Abort,
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![0..20_u64, 100..300_u64, 1000..6000_u64].prop_map(ms)
}

fn options() -> impl Strategy<Value = TaskOptions> {
    let time = || proptest::option::weighted(0.3, time());
    (time(), time(), time(), 1..4_u32).prop_map(|(deadline, stall, grace, tries)| TaskOptions {
        deadline,
        stall,
        grace,
        tries: NonZeroU32::new(tries).unwrap(),
    })
}

fn end_kind() -> impl Strategy<Value = EndKind> {
    prop_oneof![
        6 => Just(EndKind::Completed),
        1 => Just(EndKind::Failed),
        1 => Just(EndKind::Panicked),
        1 => Just(EndKind::Cancelled),
        1 => Just(EndKind::Undecodable),
    ]
}

fn closing() -> impl Strategy<Value = ClosingMode> {
    prop_oneof![Just(ClosingMode::Run), Just(ClosingMode::Finish), Just(ClosingMode::Cancel)]
}

fn op() -> impl Strategy<Value = Op> {
    let some = 0..8_usize;
    prop_oneof![
        60 => options().prop_map(Op::Submit),
        20 => (0..1000_usize).prop_map(Op::Cancel),
        60 => (some.clone(), proptest::bool::weighted(0.9)).prop_map(|(at, ok)| Op::Boot(at, ok)),
        3 => some.clone().prop_map(Op::SpawnFails),
        80 => some.clone().prop_map(Op::Read),
        80 => some.clone().prop_map(Op::Begin),
        20 => some.clone().prop_map(Op::Progress),
        60 => (some.clone(), end_kind()).prop_map(|(at, how)| Op::Finish(at, how)),
        15 => some.clone().prop_map(Op::Die),
        3 => some.clone().prop_map(Op::OverMemory),
        3 => some.clone().prop_map(Op::Leave),
        150 => some.prop_map(Op::Deliver),
        40 => time().prop_map(Op::Pass),
        2 => (closing(), proptest::option::of(time())).prop_map(|(mode, time)| Op::Close(mode, time)),
        1 => Just(Op::Abort),
    ]
}

prop_compose! {
    fn config()(
        min in 0..4_usize,
        more in 0..3_usize,
        ahead in 0..3_usize,
        can_kill in any::<bool>(),
        max_jobs in proptest::option::of(1..4_u32),
        idle_exit in proptest::option::of(time()),
        queue in proptest::option::weighted(0.2, 1..10_usize),
        start_timeout in proptest::option::weighted(0.2, time()),
        intensity in 2..30_u32,
        every_death in any::<bool>(),
    ) -> PoolConfig {
        PoolConfig {
            min,
            max: (min + more).max(1),
            idle_exit,
            ahead,
            queue,
            max_jobs: max_jobs.and_then(NonZeroU32::new),
            restart: RestartPolicy { intensity: Some(intensity), every_death, ..RestartPolicy::default() },
            start_timeout,
            retire_grace: ms(1000),
            can_kill,
            can_resend: can_kill,
        }
    }
}

/// How the workers behave once the operations are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finale {
    /// They do what they are asked.
    Work,
    /// Each dies with its first task.
    DieWorking,
    /// None gets ready.
    DieStarting,
}

fn finale() -> impl Strategy<Value = Finale> {
    prop_oneof![Just(Finale::Work), Just(Finale::DieWorking), Just(Finale::DieStarting)]
}

proptest! {
    #[test]
    fn every_task_ends_exactly_once_whatever_dies_when(
        config in config(),
        unkillable in proptest::bool::weighted(0.1),
        ops in vec(op(), 0..250),
        finale in finale(),
        closes in proptest::option::of(closing()),
    ) {
        let mut world = World::new(config, unkillable);
        for op in ops {
            world.perform(op);
        }
        if let Some(mode) = closes {
            world.perform(Op::Close(mode, None));
        }
        world.play_out(finale);
        world.assert_over();
    }
}
