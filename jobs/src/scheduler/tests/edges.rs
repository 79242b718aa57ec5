//! A task is cancelled, its run ends, its worker dies, its deadline passes: in every order.

use super::*;

/// What can happen to a task that a worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Start,
    Cancel,
    Complete,
    Death,
    Deadline,
}

const EDGES: [Edge; 5] = [Edge::Start, Edge::Cancel, Edge::Complete, Edge::Death, Edge::Deadline];

const DEADLINE: Duration = Duration::from_millis(100);

/// All sequences without repetition.
fn sequences(edges: &[Edge]) -> Vec<Vec<Edge>> {
    let mut all = vec![Vec::new()];
    for (at, edge) in edges.iter().enumerate() {
        let mut others = edges.to_vec();
        others.remove(at);
        for mut rest in sequences(&others) {
            rest.insert(0, *edge);
            all.push(rest);
        }
    }
    all
}

/// A run starts before it completes, and nothing is heard of a dead worker.
fn is_possible(sequence: &[Edge]) -> bool {
    let at = |edge| sequence.iter().position(|other| *other == edge);
    let before = |first, second| match (at(first), at(second)) {
        (first, Some(second)) => first.is_some_and(|first| first < second),
        (_, None) => true,
    };
    let not_after_death = |edge| match (at(Edge::Death), at(edge)) {
        (Some(death), Some(edge)) => edge < death,
        _ => true,
    };
    before(Edge::Start, Edge::Complete)
        && not_after_death(Edge::Start)
        && not_after_death(Edge::Complete)
}

/// What the task comes to, by a reading of the rules that knows nothing of the scheduler.
/// None: it has not ended.
fn expected(sequence: &[Edge], processes: bool, tries: u32) -> Option<&'static str> {
    let (mut started, mut cancelled, mut late, mut waits) = (false, false, false, false);
    for edge in sequence {
        match edge {
            Edge::Start => started = true,
            // Back in the queue there is no worker to ask, and no run that could be late.
            Edge::Cancel if waits => return Some("cancelled"),
            Edge::Deadline if waits => {}
            Edge::Cancel => cancelled |= !late,
            Edge::Deadline if processes => late = !cancelled,
            Edge::Deadline => return Some(if cancelled { "cancelled" } else { "timed out" }),
            Edge::Complete => return Some("completed"),
            Edge::Death if cancelled => return Some("cancelled"),
            Edge::Death if late => return Some("timed out"),
            Edge::Death if !processes || (started && tries == 1) => return Some("lost"),
            Edge::Death => waits = true,
        }
    }
    None
}

fn name(end: SchedulerEnd) -> &'static str {
    match end {
        SchedulerEnd::Reported(EndKind::Completed) => "completed",
        SchedulerEnd::Cancelled => "cancelled",
        SchedulerEnd::TimedOut => "timed out",
        SchedulerEnd::Lost { .. } => "lost",
        other => panic!("{other:?}"),
    }
}

/// The ends that the scheduler tells.
fn ends(sequence: &[Edge], processes: bool, options: TaskOptions) -> Vec<&'static str> {
    let restart = RestartPolicy { first: ms(1000), max: ms(1000), ..RestartPolicy::default() };
    let config = PoolConfig { restart, ..PoolConfig::fixed(1, processes) };
    let mut bench = Bench::ready(config);
    let the_worker = worker(0, 1);
    let (task, mut actions) = bench.submit(options);
    for edge in sequence {
        actions.extend(match edge {
            Edge::Start => bench.start(the_worker, task),
            Edge::Cancel => bench.cancel(task).1,
            Edge::Complete => bench.complete(the_worker, task),
            Edge::Death => bench.die(the_worker),
            Edge::Deadline => bench.pass(DEADLINE),
        });
    }
    let end = |action: &Action| match action {
        Action::End { end, .. } => Some(name(*end)),
        _ => None,
    };
    actions.iter().filter_map(end).collect()
}

#[test]
fn every_order_of_cancel_completion_death_and_deadline() {
    let sequences = sequences(&EDGES);
    assert_eq!(sequences.len(), 326);
    let possible = || sequences.iter().filter(|sequence| is_possible(sequence));
    assert!(possible().count() > 60);
    for (processes, tries) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
        for sequence in possible() {
            let options = TaskOptions { deadline: Some(DEADLINE), ..super::tries(tries) };
            let expected: Vec<_> = expected(sequence, processes, tries).into_iter().collect();
            let ends = ends(sequence, processes, options);
            assert_eq!(ends, expected, "{sequence:?}, processes: {processes}, tries: {tries}");
        }
    }
}

#[test]
fn a_killed_worker_whose_task_completed_just_before_has_completed_it() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(TaskOptions { deadline: Some(DEADLINE), ..tries(1) });
    bench.start(worker(0, 1), task);
    assert_eq!(bench.pass(DEADLINE), [Action::Kill { worker: worker(0, 1) }]);
    assert!(!bench.cancel(task).0, "it is timed out already");
    assert_eq!(bench.complete(worker(0, 1), task), [completed(task)]);
    assert_eq!(spawns(&bench.die(worker(0, 1))), [worker(0, 2)]);
}

#[test]
fn states_are_seen_in_order() {
    let mut bench = Bench::spawned(PoolConfig::fixed(1, true));
    let (task, actions) = bench.submit(tries(1));
    assert_eq!(actions, []);
    assert_eq!(bench.state(task), Some(TaskState::Waiting));
    let sent = Action::Send { worker: worker(0, 1), task };
    assert_eq!(bench.be_ready(worker(0, 1)), [sent]);
    assert_eq!(bench.state(task), Some(TaskState::Waiting));
    assert_eq!(bench.start(worker(0, 1), task), [Action::Started { task, retried: 0 }]);
    assert_eq!(bench.state(task), Some(TaskState::Executing));
    let progress = Input::Progress { worker: worker(0, 1), task };
    assert_eq!(bench.handle(progress), [Action::Progress { task }]);
    let asked = Action::Cancel { worker: worker(0, 1), task };
    assert_eq!(bench.cancel(task), (true, vec![asked]));
    assert_eq!(bench.state(task), Some(TaskState::Cancelling));
    assert_eq!(bench.cancel(task), (false, vec![]), "only once");
    assert_eq!(bench.handle(progress), [], "a cancelled task shows no progress");
    let cancelled = SchedulerEnd::Reported(EndKind::Cancelled);
    assert_eq!(bench.end(worker(0, 1), task, EndKind::Cancelled), [ended(task, cancelled)]);
    assert_eq!(bench.state(task), None);
    assert_eq!(bench.cancel(task), (false, vec![]));
}

#[test]
fn a_task_that_is_cancelled_in_the_queue_is_sent_to_no_worker() {
    let mut bench = Bench::spawned(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(tries(1));
    assert_eq!(bench.cancel(task), (true, vec![ended(task, SchedulerEnd::Cancelled)]));
    assert_eq!(bench.be_ready(worker(0, 1)), []);
}

#[test]
fn a_repeatable_task_runs_until_as_many_workers_died_of_it_as_may() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(tries(3));
    for deaths in 1..=3 {
        bench.start(worker(0, deaths), task);
        let actions = bench.die(worker(0, deaths));
        if deaths == 3 {
            let lost = SchedulerEnd::Lost { worker: worker(0, 3), deaths };
            assert_eq!(actions, [ended(task, lost)]);
            return;
        }
        assert_eq!(actions, [Action::Retry { task, deaths }]);
        assert_eq!(spawns(&bench.pass(ms(1000))), [worker(0, deaths + 1)]);
        bench.be_ready(worker(0, deaths + 1));
    }
}

#[test]
fn a_task_that_was_not_started_goes_elsewhere_and_counts_no_death() {
    let config = PoolConfig { ahead: 1, ..PoolConfig::fixed(1, true) };
    let mut bench = Bench::ready(config);
    let (first, _) = bench.submit(tries(1));
    bench.submit(tries(1));
    bench.submit(tries(1));
    let stats = bench.scheduler.stats();
    assert_eq!((stats.waiting, stats.workers[0].held), (3, 1), "{stats:?}");
    bench.start(worker(0, 1), first);
    let lost = SchedulerEnd::Lost { worker: worker(0, 1), deaths: 1 };
    assert_eq!(bench.die(worker(0, 1)), [ended(first, lost)]);
    bench.pass(ms(1000));
    let sent = |task| Action::Send { worker: worker(0, 2), task: TaskId(task) };
    assert_eq!(bench.be_ready(worker(0, 2)), [sent(1)], "in the order of submission");
}

#[test]
fn a_worker_that_starts_what_it_was_not_sent_is_killed() {
    let mut bench = Bench::ready(PoolConfig::fixed(1, true));
    let (task, _) = bench.submit(tries(1));
    bench.start(worker(0, 1), task);
    assert_eq!(bench.start(worker(0, 1), task), [Action::Kill { worker: worker(0, 1) }]);
}
