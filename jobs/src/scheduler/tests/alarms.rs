//! What follows from time.

use super::*;

fn kill(slot: u32, n: u32) -> Action {
    Action::Kill { worker: worker(slot, n) }
}

#[test]
fn a_cancelled_task_whose_grace_is_over_ends_with_its_worker() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(TaskOptions { grace: Some(ms(200)), ..tries(3) });
    bench.start(worker(0, 1), task);
    bench.cancel(task);
    assert_eq!(bench.pass(ms(199)), []);
    assert_eq!(bench.pass(ms(1)), [kill(0, 1)]);
    let actions = bench.die(worker(0, 1));
    assert_eq!(actions[0], ended(task, SchedulerEnd::Cancelled), "and is not tried again");
    assert_eq!(bench.scheduler.stats().counts.deaths, 0, "the pool killed it");
}

#[test]
fn a_cancelled_task_on_a_thread_is_told_as_overdue() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, false));
    let (task, _) = bench.submit(TaskOptions { grace: Some(ms(200)), ..tries(1) });
    bench.start(worker(0, 1), task);
    bench.cancel(task);
    assert_eq!(bench.pass(ms(200)), [Action::Overdue { task }]);
    assert_eq!(bench.pass(ms(1000)), [], "once");
    assert_eq!(bench.state(task), Some(TaskState::Cancelling));
}

#[test]
fn a_thread_whose_task_timed_out_takes_the_next_when_it_is_free() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, false));
    let (late, _) = bench.submit(TaskOptions { deadline: Some(ms(10)), ..tries(1) });
    let (next, _) = bench.submit(tries(1));
    bench.start(worker(0, 1), late);
    let asked = Action::Cancel { worker: worker(0, 1), task: late };
    assert_eq!(bench.pass(ms(10)), [asked, ended(late, SchedulerEnd::TimedOut)]);
    let progress = Input::Progress { worker: worker(0, 1), task: late };
    assert_eq!(bench.handle(progress), [], "nothing after the end");
    let sent = Action::Send { worker: worker(0, 1), task: next };
    assert_eq!(bench.complete(worker(0, 1), late), [sent]);
}

#[test]
fn a_deadline_counts_from_the_tasks_turn() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (first, _) = bench.submit(tries(1));
    let (second, _) = bench.submit(TaskOptions { deadline: Some(ms(10)), ..tries(1) });
    assert_eq!(bench.pass(ms(50)), [], "waiting is free");
    bench.complete(worker(0, 1), first);
    assert_eq!(bench.pass(ms(9)), []);
    assert_eq!(bench.pass(ms(1)), [kill(0, 1)], "also when it did not start");
    assert_eq!(bench.die(worker(0, 1))[0], ended(second, SchedulerEnd::TimedOut));
}

#[test]
fn the_turn_of_a_held_task_comes_with_the_end_of_the_one_before() {
    let mut bench = Bench::ready(PoolConfig { ahead: 1, ..PoolConfig::fixed(1, true) });
    let (first, _) = bench.submit(tries(1));
    let (second, _) = bench.submit(TaskOptions { deadline: Some(ms(10)), ..tries(1) });
    let (_, actions) = bench.submit(tries(1));
    assert_eq!(actions, [Action::Send { worker: worker(0, 1), task: second }]);
    assert_eq!(bench.pass(ms(50)), []);
    bench.complete(worker(0, 1), first);
    assert_eq!(bench.pass(ms(9)), []);
    assert_eq!(bench.pass(ms(1)), [kill(0, 1)]);
}

#[test]
fn a_run_without_progress_is_told_once_until_it_goes_on() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(TaskOptions { stall: Some(ms(10)), ..tries(1) });
    bench.start(worker(0, 1), task);
    bench.pass(ms(9));
    bench.handle(Input::Progress { worker: worker(0, 1), task });
    assert_eq!(bench.pass(ms(9)), []);
    assert_eq!(bench.pass(ms(1)), [Action::Stalled { task }]);
    assert_eq!(bench.pass(ms(9)), []);
    bench.handle(Input::Progress { worker: worker(0, 1), task });
    assert_eq!(bench.pass(ms(10)), [Action::Stalled { task }]);
}

#[test]
fn reports_that_waited_with_a_late_alarm_are_read_before_it_counts() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let deadline = TaskOptions { deadline: Some(ms(100)), ..tries(1) };
    let (task, _) = bench.submit(deadline);
    bench.start(worker(0, 1), task);
    assert_eq!(bench.pass(ms(5000)), [], "the foreground was busy");
    assert_eq!(bench.complete(worker(0, 1), task), [completed(task)]);

    let (task, _) = bench.submit(deadline);
    assert_eq!(bench.pass(ms(5000)), []);
    assert_eq!(bench.pass(ms(9)), []);
    bench.handle(Input::Progress { worker: worker(0, 1), task });
    assert_eq!(bench.pass(ms(1)), [kill(0, 1)], "put off once, and progress is no excuse");
}

#[test]
fn a_worker_that_cannot_be_killed_is_not_waited_for() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(TaskOptions { deadline: Some(ms(10)), ..tries(1) });
    assert_eq!(bench.pass(ms(10)), [kill(0, 1)]);
    let actions = bench.pass(ms(5000));
    let forget = Action::Forget { worker: worker(0, 1) };
    let spawn = Action::Spawn { worker: worker(0, 2) };
    assert_eq!(actions, [kill(0, 1), forget, ended(task, SchedulerEnd::TimedOut), spawn]);
    assert_eq!(bench.die(worker(0, 1)), []);
}

#[test]
fn a_worker_that_does_not_get_ready_is_killed_and_counts_as_dead() {
    let config = PoolConfig { start_timeout: Some(ms(100)), ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::spawned(config);
    assert_eq!(bench.pass(ms(100)), [kill(0, 1)]);
    assert_eq!(bench.be_ready(worker(0, 1)), [], "too late");
    bench.die(worker(0, 1));
    assert_eq!(bench.scheduler.stats().counts.deaths, 1);
}
