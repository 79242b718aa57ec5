//! The end of a pool.

use super::*;

/// A pool of one worker, which runs the first of two tasks.
fn working(processes: bool) -> (Bench, TaskId, TaskId) {
    let mut bench = Bench::ready(PoolConfig::fixed(1, processes));
    let (runs, _) = bench.submit(tries(1));
    bench.start(worker(0, 1), runs);
    let (waits, _) = bench.submit(tries(1));
    (bench, runs, waits)
}

fn retire() -> Action {
    Action::Retire { worker: worker(0, 1) }
}

fn kill() -> Action {
    Action::Kill { worker: worker(0, 1) }
}

#[test]
fn all_tasks_run_if_chosen() {
    let (mut bench, runs, waits) = working(true);
    assert_eq!(bench.close(ClosingMode::Run, None), []);
    assert_eq!(bench.scheduler.submit(bench.now, TaskId(9), tries(1)), Err(Refused::Closed));
    let sent = Action::Send { worker: worker(0, 1), task: waits };
    assert_eq!(bench.complete(worker(0, 1), runs), [completed(runs), sent]);
    assert_eq!(bench.complete(worker(0, 1), waits), [completed(waits), retire()]);
    assert_eq!(bench.die(worker(0, 1)), [Action::Closed]);
    assert_eq!(bench.scheduler.next_alarm(), None);
}

#[test]
fn those_that_run_may_finish() {
    let (mut bench, runs, waits) = working(true);
    let actions = bench.close(ClosingMode::Finish, Some(ms(100)));
    assert_eq!(actions, [ended(waits, SchedulerEnd::Cancelled)]);
    assert_eq!(bench.complete(worker(0, 1), runs), [completed(runs), retire()]);
}

#[test]
fn those_that_run_are_asked_and_then_killed() {
    let (mut bench, runs, waits) = working(true);
    let actions = bench.close(ClosingMode::Cancel, Some(ms(100)));
    let asked = Action::Cancel { worker: worker(0, 1), task: runs };
    assert_eq!(actions, [asked, ended(waits, SchedulerEnd::Cancelled)]);
    assert_eq!(bench.pass(ms(100)), [kill()]);
    let cancelled = ended(runs, SchedulerEnd::Cancelled);
    assert_eq!(bench.die(worker(0, 1)), [cancelled, Action::Closed]);
}

#[test]
fn threads_that_do_not_end_within_the_grace_are_left_behind() {
    let (mut bench, runs, _) = working(false);
    bench.close(ClosingMode::Cancel, Some(ms(100)));
    let cancelled = ended(runs, SchedulerEnd::Cancelled);
    assert_eq!(bench.pass(ms(100)), [kill(), cancelled, Action::Closed]);
}

#[test]
fn a_second_close_can_be_shorter() {
    let (mut bench, runs, waits) = working(true);
    bench.close(ClosingMode::Run, None);
    let actions = bench.close(ClosingMode::Finish, Some(Duration::ZERO));
    assert_eq!(actions, [ended(waits, SchedulerEnd::Cancelled)]);
    let asked = Action::Cancel { worker: worker(0, 1), task: runs };
    assert_eq!(bench.pass(Duration::ZERO), [asked, kill()]);
}

#[test]
fn workers_that_have_not_started_do_not_keep_it_open() {
    let mut bench = Bench::spawned(PoolConfig::fixed(1, true));
    assert_eq!(bench.close(ClosingMode::Run, None), [kill()]);
    assert_eq!(bench.die(worker(0, 1)), [Action::Closed]);
    let mut bench = Bench::spawned(PoolConfig::fixed(1, false));
    assert_eq!(bench.close(ClosingMode::Run, None), [retire()]);
    assert_eq!(bench.die(worker(0, 1)), [Action::Closed]);
}

#[test]
fn a_worker_that_does_not_retire_is_killed() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    assert_eq!(bench.close(ClosingMode::Run, None), [retire()]);
    assert_eq!(bench.pass(ms(5000)), [kill()]);
    let forget = Action::Forget { worker: worker(0, 1) };
    assert_eq!(bench.pass(ms(5000)), [kill(), forget, Action::Closed]);
}

#[test]
fn an_abort_ends_everything_at_once() {
    let (mut bench, runs, waits) = working(true);
    let actions = bench.handle(Input::Abort);
    let cancelled = |task| ended(task, SchedulerEnd::Cancelled);
    assert_eq!(actions, [cancelled(runs), cancelled(waits), kill(), Action::Closed]);
    assert_eq!(bench.complete(worker(0, 1), runs), []);
    assert_eq!(bench.die(worker(0, 1)), []);
    assert_eq!(bench.scheduler.next_alarm(), None);
}
