//! How many workers there are, and what becomes of those that die.

use super::*;

fn send(worker: WorkerId, task: u64) -> Action {
    Action::Send { worker, task: TaskId(task) }
}

#[test]
fn a_fixed_pool_starts_all_its_workers_and_replaces_those_that_die() {
    let mut bench = Bench::spawned(PoolConfig::fixed(3, true));
    assert_eq!(bench.scheduler.stats().workers.len(), 3);
    bench.be_ready(worker(1, 1));
    let (task, _) = bench.submit(tries(1));
    bench.complete(worker(1, 1), task);
    assert_eq!(bench.die(worker(1, 1)), [Action::Spawn { worker: worker(1, 2) }]);
}

#[test]
fn useless_workers_are_replaced_ever_later() {
    let restart = RestartPolicy { intensity: None, ..RestartPolicy::default() };
    let mut bench = Bench::spawned(PoolConfig { restart, ..PoolConfig::fixed(1, true) });
    let mut generation = 1;
    for delay in [50, 100, 200, 400, 800, 1000, 1000] {
        assert_eq!(bench.handle(Input::SpawnFailed { worker: worker(0, generation) }), []);
        assert_eq!(bench.pass(ms(delay - 1)), []);
        generation += 1;
        assert_eq!(bench.pass(ms(1)), [Action::Spawn { worker: worker(0, generation) }]);
    }
    bench.be_ready(worker(0, generation));
    let (task, _) = bench.submit(tries(1));
    bench.complete(worker(0, generation), task);
    let actions = bench.die(worker(0, generation));
    assert_eq!(spawns(&actions), [worker(0, generation + 1)], "it was of use");
}

#[test]
fn the_pool_gives_up_with_the_reason_and_its_waiting_tasks_end() {
    let restart = RestartPolicy { intensity: Some(2), ..RestartPolicy::default() };
    let mut bench = Bench::spawned(PoolConfig { restart, ..PoolConfig::fixed(1, true) });
    let (task, _) = bench.submit(tries(1));
    for generation in 1..=2 {
        bench.handle(Input::InitFailed { worker: worker(0, generation) });
        bench.die(worker(0, generation));
        bench.pass(ms(1000));
    }
    let last = worker(0, 3);
    bench.handle(Input::InitFailed { worker: last });
    let cause = DeathCause::Initialiser;
    let reason = GiveUpReason { deaths: 3, within: ms(2000), last, cause };
    let abandoned = ended(task, SchedulerEnd::Abandoned);
    assert_eq!(bench.die(last), [Action::GaveUp { reason }, abandoned, Action::Closed]);
    assert_eq!(bench.scheduler.submit(bench.now, TaskId(9), tries(1)), Err(Refused::GaveUp));
    assert_eq!(bench.scheduler.next_alarm(), None);
}

#[test]
fn starts_that_fail_slowly_are_too_many_all_the_same() {
    let restart = RestartPolicy { intensity: Some(2), period: ms(500), ..RestartPolicy::default() };
    let start_timeout = Some(ms(10_000));
    let config = PoolConfig { restart, start_timeout, ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::spawned(config);
    for generation in 1..=2 {
        bench.pass(ms(10_000));
        bench.die(worker(0, generation));
        bench.pass(ms(1000));
    }
    bench.pass(ms(10_000));
    let (last, cause) = (worker(0, 3), DeathCause::Starting);
    let reason = GiveUpReason { deaths: 3, within: ms(22_000), last, cause };
    assert_eq!(bench.die(last), [Action::GaveUp { reason }, Action::Closed]);
}

#[test]
fn deaths_long_apart_are_not_too_many() {
    let restart = RestartPolicy { intensity: Some(1), period: ms(500), ..RestartPolicy::default() };
    let mut bench = Bench::spawned(PoolConfig { restart, ..PoolConfig::fixed(1, true) });
    for generation in 1..10 {
        bench.be_ready(worker(0, generation));
        assert_eq!(bench.die(worker(0, generation)), []);
        assert_eq!(spawns(&bench.pass(ms(1000))), [worker(0, generation + 1)]);
    }
}

#[test]
fn deaths_of_useful_workers_count_if_asked() {
    for (every_death, gives_up) in [(false, false), (true, true)] {
        let restart = RestartPolicy { intensity: Some(0), every_death, ..RestartPolicy::default() };
        let mut bench = Bench::ready(PoolConfig { restart, ..PoolConfig::fixed(1, true) });
        let (task, _) = bench.submit(tries(1));
        bench.complete(worker(0, 1), task);
        let actions = bench.die(worker(0, 1));
        let gave_up = actions.iter().any(|action| matches!(action, Action::GaveUp { .. }));
        assert_eq!(gave_up, gives_up);
    }
}

#[test]
fn a_pool_that_gave_up_lets_running_tasks_end() {
    let restart = RestartPolicy { intensity: Some(0), ..RestartPolicy::default() };
    let mut bench = Bench::ready(PoolConfig { restart, ..PoolConfig::fixed(2, true) });
    let (task, _) = bench.submit(tries(1));
    bench.start(worker(0, 1), task);
    assert!(matches!(bench.die(worker(1, 1))[..], [Action::GaveUp { .. }]));
    let actions = bench.complete(worker(0, 1), task);
    assert_eq!(actions, [completed(task), Action::Retire { worker: worker(0, 1) }]);
    assert_eq!(bench.die(worker(0, 1)), [Action::Closed]);
}

#[test]
fn a_successor_is_ready_before_the_only_worker_retires() {
    let config = PoolConfig { max_jobs: NonZeroU32::new(2), ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::ready(config);
    let (first, actions) = bench.submit(tries(1));
    assert_eq!(actions, [send(worker(0, 1), 0)]);
    bench.complete(worker(0, 1), first);
    let (second, actions) = bench.submit(tries(1));
    let spawn = Action::Spawn { worker: worker(1, 1) };
    assert_eq!(actions, [send(worker(0, 1), 1), spawn], "with its last task");
    let (third, actions) = bench.submit(tries(1));
    assert_eq!(actions, []);
    assert_eq!(bench.complete(worker(0, 1), second), [completed(second)], "it stays");
    let actions = bench.be_ready(worker(1, 1));
    assert_eq!(actions, [send(worker(1, 1), 2), Action::Retire { worker: worker(0, 1) }]);
    assert_eq!(bench.die(worker(0, 1)), [], "its end is no death");
    assert_eq!(bench.scheduler.stats().counts.deaths, 0);
    bench.complete(worker(1, 1), third);
}

#[test]
fn a_worker_for_each_task_leaves_no_pool_without_workers() {
    let config = PoolConfig { max_jobs: Some(NonZeroU32::MIN), ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::ready(config);
    let (first, actions) = bench.submit(tries(1));
    assert_eq!(spawns(&actions), [worker(1, 1)]);
    let (second, _) = bench.submit(tries(1));
    assert_eq!(bench.be_ready(worker(1, 1)), [], "one task at a time");
    let retire = |worker| Action::Retire { worker };
    let actions = bench.complete(worker(0, 1), first);
    assert_eq!(actions, [completed(first), send(worker(1, 1), 1), retire(worker(0, 1))]);
    assert_eq!(bench.complete(worker(1, 1), second), [completed(second)]);
    assert_eq!(spawns(&bench.die(worker(0, 1))), [worker(0, 2)]);
    assert_eq!(bench.be_ready(worker(0, 2)), [retire(worker(1, 1))]);
}

#[test]
fn a_worker_that_leaves_by_itself_is_no_death() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(tries(1));
    let actions = bench.handle(Input::Leaving { worker: worker(0, 1) });
    assert_eq!(actions, [Action::Spawn { worker: worker(1, 1) }]);
    bench.die(worker(0, 1));
    assert_eq!(bench.scheduler.stats().counts.deaths, 0);
    assert_eq!(bench.be_ready(worker(1, 1)), [send(worker(1, 1), task.0)]);
}

#[test]
fn an_elastic_pool_grows_with_its_tasks_and_shrinks_when_idle() {
    let idle_exit = Some(ms(100));
    let config = PoolConfig { min: 0, max: 2, idle_exit, ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::spawned(config);
    assert_eq!(bench.scheduler.stats().workers, []);
    let (first, actions) = bench.submit(tries(1));
    assert_eq!(actions, [Action::Spawn { worker: worker(0, 1) }]);
    assert_eq!(bench.be_ready(worker(0, 1)), [send(worker(0, 1), 0)]);
    let (second, actions) = bench.submit(tries(1));
    assert_eq!(actions, [Action::Spawn { worker: worker(1, 1) }]);
    let (third, actions) = bench.submit(tries(1));
    assert_eq!(actions, [], "two are enough");
    bench.be_ready(worker(1, 1));
    bench.complete(worker(0, 1), first);
    bench.complete(worker(0, 1), third);
    bench.pass(ms(50));
    bench.complete(worker(1, 1), second);
    assert_eq!(bench.pass(ms(50)), [Action::Retire { worker: worker(0, 1) }]);
    assert_eq!(bench.pass(ms(50)), [Action::Retire { worker: worker(1, 1) }]);
}

#[test]
fn an_idle_worker_gets_what_another_holds() {
    let config = PoolConfig { ahead: 1, ..PoolConfig::fixed(2, true) };
    let mut bench = Bench::ready(config);
    for _ in 0..5 {
        bench.submit(tries(1));
    }
    let held: Vec<_> = bench.scheduler.stats().workers.iter().map(|worker| worker.held).collect();
    assert_eq!(held, [1, 0], "while more wait than workers work");
    bench.start(worker(0, 1), TaskId(0));
    for task in [TaskId(1), TaskId(3)] {
        let next = bench.complete(worker(1, 1), task);
        assert!(next.contains(&send(worker(1, 1), task.0 + if task.0 == 1 { 2 } else { 1 })));
    }
    let actions = bench.complete(worker(1, 1), TaskId(4));
    let recall = Action::Recall { worker: worker(0, 1), task: TaskId(2) };
    assert_eq!(actions, [completed(TaskId(4)), recall]);
    let returned = Input::Returned { worker: worker(0, 1), task: TaskId(2) };
    assert_eq!(bench.handle(returned), [send(worker(1, 1), 2)]);
}

#[test]
fn a_full_queue_refuses() {
    let config = PoolConfig { queue: Some(1), ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::ready(config);
    bench.submit(tries(1));
    bench.submit(tries(1));
    let refused = bench.scheduler.submit(bench.now, TaskId(9), tries(1));
    assert_eq!(refused, Err(Refused::QueueFull));
    bench.complete(worker(0, 1), TaskId(0));
    bench.submit(tries(1));
}

#[test]
fn a_worker_that_takes_too_much_memory_is_killed_and_its_task_lost() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(tries(1));
    bench.start(worker(0, 1), task);
    let kill = Action::Kill { worker: worker(0, 1) };
    assert_eq!(bench.handle(Input::OverMemory { worker: worker(0, 1) }), [kill]);
    assert_eq!(bench.handle(Input::OverMemory { worker: worker(0, 1) }), []);
    let lost = SchedulerEnd::Lost { worker: worker(0, 1), deaths: 1 };
    assert_eq!(bench.die(worker(0, 1)), [ended(task, lost)]);
    assert_eq!(bench.scheduler.stats().counts.deaths, 1);
}
