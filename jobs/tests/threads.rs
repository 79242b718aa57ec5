//! Pools of threads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use homing_jobs::{
    Call, Cancelled, Closing, Iterate, Iteration, Job, JobError, JobEvent, JobOptions, Pool,
    SubmitErrorKind, TaskState, Threads,
};
use homing_router::{DoorbellSet, LoopBinding, RouteError, Router};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(60);

/// What handlers write down.
type App = Vec<String>;

fn router() -> Router<App> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

fn route(router: &Router<App>, app: &mut App, condition: impl Fn(&App) -> bool) {
    let routed = router.route_until(app, |app| condition(app), Some(HANG));
    assert!(routed.is_ok(), "{routed:?}: {app:?}");
}

fn log<J: Job>(name: &'static str) -> impl FnMut(&mut App, JobEvent<J>)
where
    J::Output: std::fmt::Debug,
    J::Progress: std::fmt::Debug,
{
    move |app, event| {
        let text = match event {
            JobEvent::Ended(Err(error)) => format!("{name}: {error}"),
            event => format!("{name}: {event:?}"),
        };
        app.push(text);
    }
}

fn ended(app: &App, count: usize) -> bool {
    app.iter().filter(|line| !line.contains("Started") && !line.contains("Progress")).count()
        >= count
}

/// A job that ends when it is cancelled.
fn until_cancelled() -> Call<(), (), Cancelled> {
    Call::new(|cx| {
        loop {
            cx.check()?;
        }
    })
}

/// A job that ends when the other end of the channel sends, or is dropped.
fn until_released(blocked: mpsc::Receiver<()>) -> Call<()> {
    Call::new(move |_| {
        let _ = blocked.recv();
        Ok(())
    })
}

#[test]
fn a_closure_runs_and_its_output_comes_back() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    // An output that serde cannot carry.
    let number = Arc::new(AtomicUsize::new(7));
    let given = Arc::clone(&number);
    pool.submit_fn::<_, (), Infallible>(move |_| Ok(given), log("job")).unwrap();
    route(&router, &mut app, |app| ended(app, 1));
    assert_eq!(app, ["job: Started", "job: Ended(Ok(7))"]);
    assert_eq!(Arc::strong_count(&number), 1);
}

#[test]
fn errors_and_panics_are_told_and_the_worker_goes_on() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    pool.submit(Call::<(), (), _>::new(|_| Err("no luck".to_owned())), log("fails")).unwrap();
    pool.submit(Call::<()>::new(|_| panic!("at {}", 3)), log("panics")).unwrap();
    pool.submit(Call::<u8>::new(|_| Ok(1)), log("works")).unwrap();
    route(&router, &mut app, |app| ended(app, 3));
    assert_eq!(app[1], "fails: no luck");
    assert!(app[3].starts_with("panics: the job panicked at jobs/tests/threads.rs:"), "{app:?}");
    assert!(app[3].ends_with(": at 3"), "{app:?}");
    assert_eq!(app[5], "works: Ended(Ok(1))");
    assert_eq!(pool.stats().deaths, 0);
}

#[test]
fn the_last_progress_comes_before_the_end() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = Call::<(), u32>::new(|cx| {
        (0..100_000).for_each(|number| cx.progress(number));
        Ok(())
    });
    pool.submit(job, log("job")).unwrap();
    route(&router, &mut app, |app| ended(app, 1));
    let progress: Vec<u32> = app
        .iter()
        .filter_map(|line| line.strip_prefix("job: Progress(")?.strip_suffix(')')?.parse().ok())
        .collect();
    assert!(progress.is_sorted_by(|a, b| a < b), "{progress:?}");
    assert_eq!(progress.last(), Some(&99_999));
    assert_eq!(app.last().unwrap(), "job: Ended(Ok(()))");
}

struct Count(u64);

impl Iterate for Count {
    type Item = u64;
    type Error = Infallible;
    const NAME: &'static str = "count";

    fn items(self) -> impl Iterator<Item = Result<u64, Infallible>> {
        (0..self.0).map(Ok)
    }
}

#[test]
fn every_result_of_an_iteration_arrives_in_order() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(2).start().unwrap();
    for _ in 0..2 {
        let mut next = 0;
        pool.submit(Iteration(Count(5000)), move |app: &mut App, event| match event {
            JobEvent::Progress(number) => {
                assert_eq!(number, next);
                next += 1;
            }
            JobEvent::Ended(end) => app.push(format!("{next} {end:?}")),
            _ => {}
        })
        .unwrap();
    }
    route(&router, &mut app, |app| app.len() == 2);
    assert_eq!(app, ["5000 Ok(())", "5000 Ok(())"]);
}

#[test]
fn an_iteration_waits_for_a_foreground_that_is_slow() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let job = Call::<(), u32, Cancelled>::new(move |cx| {
        loop {
            cx.emit(0)?;
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let most = Rc::new(RefCell::new(0));
    let (seen, handled) = (Rc::clone(&most), Arc::clone(&sent));
    let mut told = 0;
    let task = pool
        .submit(job, move |app: &mut App, event| match event {
            JobEvent::Progress(_) => {
                told += 1;
                let ahead = handled.load(Ordering::Relaxed).saturating_sub(told);
                let before = seen.replace(0);
                seen.replace(before.max(ahead));
                std::thread::sleep(Duration::from_millis(1));
                app.push("told".into());
            }
            JobEvent::Ended(end) => app.push(format!("{end:?}")),
            _ => {}
        })
        .unwrap();
    route(&router, &mut app, |app| app.len() > 100);
    assert!(task.cancel());
    route(&router, &mut app, |app| app.last().unwrap() == "Err(Cancelled)");
    assert!(*most.borrow() <= 32, "{most:?} values ahead of the foreground");
}

#[test]
fn a_job_that_is_cancelled_while_it_waits_never_runs() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let first = pool.submit(until_released(blocked), log("first")).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let run = Arc::clone(&ran);
    let job = Call::<usize>::new(move |_| Ok(run.fetch_add(1, Ordering::Relaxed)));
    let second = pool.submit(job, log("second")).unwrap();
    assert_eq!(second.state(), Some(TaskState::Waiting));
    assert!(second.cancel());
    assert!(!second.cancel());
    assert!(app.is_empty(), "told within the call");
    route(&router, &mut app, |app| app.iter().any(|line| line.starts_with("second")));
    route(&router, &mut app, |_| first.state() == Some(TaskState::Executing));
    release.send(()).unwrap();
    route(&router, &mut app, |app| ended(app, 2));
    assert!(!first.cancel());
    assert!(app.contains(&"second: the job was cancelled".to_owned()), "{app:?}");
    assert!(!app.contains(&"second: Started".to_owned()), "{app:?}");
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn a_job_that_runs_is_asked_to_end() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = until_cancelled();
    let task = pool.submit(job, log("job")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    assert_eq!(task.state(), Some(TaskState::Executing));
    assert!(task.cancel());
    assert_eq!(task.state(), Some(TaskState::Cancelling));
    route(&router, &mut app, |app| ended(app, 1));
    assert_eq!(app, ["job: Started", "job: the job was cancelled"]);
    assert_eq!(task.state(), None);
}

#[test]
fn a_thread_that_does_not_heed_its_cancel_is_told_as_overdue() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let job = until_released(blocked);
    let options = JobOptions::new().grace(Duration::from_millis(1));
    let task = pool.submit_with(options, job, log("job")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    assert!(task.cancel());
    route(&router, &mut app, |app| app.len() == 2);
    assert_eq!(app, ["job: Started", "job: Overdue"]);
    drop(release);
    route(&router, &mut app, |app| app.len() == 3);
}

#[test]
fn a_stalled_job_and_a_deadline_are_told() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let options =
        JobOptions::new().stall(Duration::from_millis(5)).deadline(Duration::from_millis(50));
    let job = Call::<(), (), Cancelled>::new(|cx| {
        loop {
            cx.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    pool.submit_with(options, job, log("job")).unwrap();
    route(&router, &mut app, |app| app.len() == 3);
    assert_eq!(app, ["job: Started", "job: Stalled", "job: the job took longer than its deadline"]);
    // The worker goes on.
    pool.submit(Call::<u8>::new(|_| Ok(1)), log("next")).unwrap();
    route(&router, &mut app, |app| app.len() == 5);
}

#[test]
fn a_handler_may_submit_cancel_close_and_drop_the_pool() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let handle = Rc::new(RefCell::new(Some(pool)));
    let inner = Rc::clone(&handle);
    let submit = move |app: &mut App, event: JobEvent<Call<()>>| {
        if let JobEvent::Ended(end) = event {
            app.push(format!("first {end:?}"));
            let pool = inner.borrow().clone().unwrap();
            let last = Rc::clone(&inner);
            let task = pool.submit(until_cancelled(), log("second")).unwrap();
            assert!(task.cancel());
            pool.submit(Call::<()>::new(|_| Ok(())), move |_: &mut App, event| {
                if let JobEvent::Ended(_) = event {
                    last.borrow().as_ref().unwrap().close(Closing::Run, None);
                    drop(last.borrow_mut().take());
                }
            })
            .unwrap();
            pool.submit(until_cancelled(), log("third")).unwrap();
        }
    };
    handle.borrow().as_ref().unwrap().submit(Call::<()>::new(|_| Ok(())), submit).unwrap();
    route(&router, &mut app, |app| app.iter().any(|line| line.starts_with("third: the job")));
    assert!(app.contains(&"first Ok(())".to_owned()));
    assert!(app.contains(&"second: the job was cancelled".to_owned()), "{app:?}");
    assert!(handle.borrow().is_none());
}

#[test]
fn a_handlers_panic_loses_no_event() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(2).start().unwrap();
    for number in 0..10 {
        let mut panics = true;
        pool.submit(Call::<u32>::new(move |_| Ok(number)), move |app: &mut App, event| {
            if let JobEvent::Started = event
                && std::mem::take(&mut panics)
            {
                panic!("a handler panics");
            }
            if let JobEvent::Ended(end) = event {
                app.push(format!("{end:?}"));
            }
        })
        .unwrap();
    }
    let mut panics = 0;
    while app.len() < 10 {
        let routed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            router.route_until(&mut app, |app| app.len() == 10, Some(HANG)).unwrap();
        }));
        panics += usize::from(routed.is_err());
    }
    assert_eq!(panics, 10);
}

#[test]
fn a_full_queue_gives_the_job_back() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).queue(2).start().unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    pool.submit(until_released(blocked), log("first")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    for _ in 0..2 {
        pool.submit(Call::<()>::new(|_| Ok(())), log("job")).unwrap();
    }
    let error = pool.submit(Call::<()>::new(|_| Ok(())), log("refused")).unwrap_err();
    assert_eq!(error.kind(), &SubmitErrorKind::QueueFull);
    drop(release);
    route(&router, &mut app, |app| ended(app, 3));
    pool.submit(error.into_job(), log("again")).unwrap();
    route(&router, &mut app, |app| ended(app, 4));
}

#[test]
fn a_closed_pool_runs_what_it_has_and_then_is_closed() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(2).start().unwrap();
    for _ in 0..20 {
        pool.submit(Call::<()>::new(|_| Ok(())), log("job")).unwrap();
    }
    pool.on_closed(|app: &mut App| app.push("closed".into()));
    pool.close(Closing::Run, None);
    let error = pool.submit(Call::<()>::new(|_| Ok(())), log("late")).unwrap_err();
    assert_eq!(error.kind(), &SubmitErrorKind::Closed);
    route(&router, &mut app, |app| app.last().is_some_and(|line| line == "closed"));
    assert!(pool.is_closed());
    assert_eq!(pool.stats().ends.completed, 20);
    assert_eq!(router.open_pipes(), 0);
}

#[test]
fn closing_may_cancel() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    for _ in 0..5 {
        pool.submit(until_cancelled(), log("job")).unwrap();
    }
    route(&router, &mut app, |app| !app.is_empty());
    pool.close(Closing::Cancel, Duration::from_secs(5));
    let routed = router.route_until(&mut app, |_| pool.is_closed(), Some(HANG));
    assert!(routed.is_ok());
    assert_eq!(pool.stats().ends.cancelled, 5);
}

#[test]
fn jobs_end_when_the_router_stops() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = until_cancelled();
    pool.submit(job, log("runs")).unwrap();
    pool.submit(Call::<()>::new(|_| Ok(())), log("waits")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    router.stop(&mut app).unwrap();
    assert_eq!(app.len(), 3, "{app:?}");
    let late = pool.submit(Call::<()>::new(|_| Ok(())), log("late"));
    assert!(late.is_err());
}

#[test]
fn jobs_end_when_the_router_shuts_down() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = until_cancelled();
    pool.submit(job, log("runs")).unwrap();
    pool.submit(Call::<()>::new(|_| Ok(())), log("waits")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    router.shutdown(&mut app, HANG).unwrap();
    assert_eq!(
        app,
        // The job that waits need not wait for the one that runs.
        ["runs: Started", "waits: the job was cancelled", "runs: the job was cancelled"]
    );
}

#[test]
fn a_dropped_pool_tells_its_jobs_that_they_are_cancelled() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = until_cancelled();
    let task = pool.submit(job, log("runs")).unwrap();
    pool.submit(Call::<()>::new(|_| Ok(())), log("waits")).unwrap();
    route(&router, &mut app, |app| !app.is_empty());
    drop(pool);
    assert_eq!(task.state(), None);
    assert!(!task.cancel());
    route(&router, &mut app, |app| ended(app, 2));
    // The thread has ended, and its pipe.
    route(&router, &mut app, |_| router.open_pipes() == 0);
}

#[test]
fn handlers_in_a_scope_may_borrow() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(2).start().unwrap();
    let mut sum = 0;
    pool.scope(&mut app, |scope| {
        let sum = Rc::new(RefCell::new(&mut sum));
        for number in 1..=100 {
            let sum = Rc::clone(&sum);
            scope
                .submit(Call::<u64>::new(move |_| Ok(number)), move |event| {
                    if let JobEvent::Ended(Ok(number)) = event {
                        **sum.borrow_mut() += number;
                    }
                })
                .unwrap();
        }
    })
    .unwrap();
    assert_eq!(sum, 5050);
}

#[test]
fn no_job_escapes_from_a_scope_that_panics() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    let job = until_cancelled();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = pool.scope(&mut app, |scope| {
            scope.submit(job, |_| {}).unwrap();
            panic!("in the scope");
        });
    }));
    assert!(caught.is_err());
    let routed = router.route_until(&mut app, |_| pool.stats().ends.cancelled == 1, Some(HANG));
    assert!(routed.is_ok());
}

#[test]
fn a_job_is_awaited() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let (router, mut app) = (router(), App::new());
    let pool: Pool<App, Threads> = Pool::builder(&router).threads(1).start().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut running = pin!(pool.run(Call::<u8>::new(|_| Ok(5))).unwrap());
    assert!(running.as_mut().poll(&mut cx).is_pending());
    let mut end = None;
    router
        .route_until(
            &mut app,
            |_| match running.as_mut().poll(&mut cx) {
                Poll::Ready(value) => {
                    end = Some(value);
                    true
                }
                Poll::Pending => false,
            },
            Some(HANG),
        )
        .unwrap();
    assert_eq!(end, Some(Ok(5)));
    // Dropped, it is cancelled.
    drop(pool.run(Call::<u8>::new(|_| Ok(5))).unwrap());
    // The router is gone.
    let lost = pool.run(Call::<u8>::new(|_| Ok(5))).unwrap();
    router.stop(&mut app).unwrap();
    let mut lost = pin!(lost);
    assert!(matches!(lost.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
}

#[test]
fn threads_are_initialised_and_torn_down() {
    let (router, mut app) = (router(), App::new());
    let (up, down) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (ups, downs) = (Arc::clone(&up), Arc::clone(&down));
    let pool = Pool::builder(&router)
        .threads(2)
        .max_jobs(3)
        .init(move || {
            ups.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(())
        })
        .teardown(move || {
            downs.fetch_add(1, Ordering::Relaxed);
        })
        .start()
        .unwrap();
    for _ in 0..30 {
        pool.submit(Call::<()>::new(|_| Ok(())), log("job")).unwrap();
    }
    pool.close(Closing::Run, None);
    let routed = router.route_until(&mut app, |_| pool.is_closed(), Some(HANG));
    assert!(routed.is_ok());
    assert_eq!(pool.stats().ends.completed, 30);
    assert!(up.load(Ordering::Relaxed) >= 10);
    assert_eq!(up.load(Ordering::Relaxed), down.load(Ordering::Relaxed));
}

#[test]
fn a_pool_whose_workers_cannot_be_initialised_gives_up_and_says_why() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router)
        .threads(1)
        .restart(
            homing_jobs::Restart::new()
                .backoff(Duration::from_millis(1), 2, Duration::from_millis(4))
                .intensity(3, HANG),
        )
        .init(|| Err::<(), _>("no licence"))
        .start()
        .unwrap();
    pool.submit(Call::<()>::new(|_| Ok(())), |app: &mut App, event| {
        if let JobEvent::Ended(Err(error @ JobError::Abandoned { .. })) = event {
            app.push(error.to_string());
        }
    })
    .unwrap();
    route(&router, &mut app, |app| app.len() == 1);
    assert!(app[0].contains("no licence"), "{app:?}");
    let error = pool.submit(Call::<()>::new(|_| Ok(())), log("late")).unwrap_err();
    assert!(matches!(error.kind(), SubmitErrorKind::GaveUp { .. }));
}

#[test]
fn an_idle_pool_leaves_nothing_to_wait_for() {
    let (router, mut app) = (router(), App::new());
    let pool = Pool::builder(&router).threads(1).start().unwrap();
    pool.close(Closing::Run, None);
    let routed = router.route_until(&mut app, |_| false, None);
    assert!(matches!(routed, Err(RouteError::NoLiveSenders)), "{routed:?}");
}
