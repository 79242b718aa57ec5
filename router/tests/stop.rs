//! Stopping: of many pipes and links, of pingers that wait, and of worker processes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use homing_core::{End, Event, Exit, Pinger};
use homing_router::{DoorbellSet, LoopBinding, RouteError, Router, StopError};
use homing_transport_channel::Channel;
use homing_transport_pipe::Pipe;

type Told = Vec<String>;

fn router<C>() -> Router<C> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// It would take most of a minute if each pipe were looked for in the whole table.
#[test]
fn stop_and_the_ends_of_links_take_time_by_the_number_of_pipes() {
    let router: Router<u32> = router();
    let link = router.link(Channel::new()).unwrap();
    let count = |ended: &mut u32, event: Event<u8>| *ended += u32::from(event.ended().is_some());
    let pipes: Vec<_> = (0..100_000).map(|_| link.pipe(count).unwrap()).collect();
    let links: Vec<_> = (0..20_000).map(|_| router.link(Channel::new()).unwrap()).collect();
    let senders: Vec<_> = links.iter().map(|link| link.pipe(count).unwrap()).collect();
    let mut ended = 0;
    drop((links, senders));
    while router.links() > 1 {
        let _ = router.dispatch(&mut ended);
    }
    assert_eq!(ended, 20_000);
    router.stop(&mut ended).unwrap();
    assert_eq!(ended, 120_000);
    drop(pipes);
}

/// A pinger that needs a lock which the foreground holds, as a language runtime's.
struct LockPinger(Arc<Mutex<()>>, mpsc::SyncSender<()>);

impl Pinger for LockPinger {
    fn ping(&self) {
        let _ = self.1.try_send(());
        drop(self.0.lock());
    }
}

#[test]
fn no_call_waits_for_a_pinger_that_waits_for_the_foreground() {
    let lock = Arc::new(Mutex::new(()));
    let (pinged, pings) = mpsc::sync_channel(1);
    let router: Router<Told> =
        Router::new(LoopBinding::pinger(LockPinger(Arc::clone(&lock), pinged)));
    router.start().unwrap();
    let mut told = Told::new();
    let _ = router.dispatch(&mut told);
    pings.recv().unwrap();
    let held = lock.lock().unwrap();
    let spawn = |script| {
        let spawned = router.spawn(Pipe::new(), shell(script));
        spawned.pipe(|_: &mut Told, _: Event<u8>| {}).unwrap()
    };
    let _short = spawn("exit 3");
    // The monitor is in the ping for the exit of that one.
    pings.recv().unwrap();
    let (worker, _) = spawn("exec sleep 1000");
    let error = router.route_until(&mut told, |_| false, Some(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, RouteError::TimedOut), "{error:?}");
    router.stop(&mut told).unwrap();
    assert_eq!(worker.exit(), Some(Exit::Signal(9)));
    drop(held);
}

#[test]
fn an_exit_is_told_once_after_the_ends_of_the_pipes() {
    let router: Router<Told> = router();
    let spawn = |script| {
        let builder = router.spawn(Pipe::new(), shell(script)).on_exit(|told: &mut Told, exit| {
            told.push(format!("{exit:?}"));
        });
        let ended = |told: &mut Told, event: Event<u8>| {
            told.push(if event.ended().is_some() { "end" } else { "message" }.to_owned());
        };
        builder.pipe(ended).unwrap().0
    };
    let worker = spawn("exit 3");
    let mut told = Told::new();
    router.route_until(&mut told, |told| told.len() == 2, None).unwrap();
    assert_eq!(told, ["end", "Some(Code(3))"]);
    assert_eq!(worker.exit(), Some(Exit::Code(3)));

    let worker = spawn("exec sleep 1000");
    let id = worker.process_id();
    assert!(router.workers().map(|worker| worker.process_id()).eq([id]));
    told.clear();
    router.stop(&mut told).unwrap();
    assert_eq!(told, ["end", "Some(Signal(9))"]);
    assert_eq!(router.workers().count(), 0);
}

#[test]
fn route_until_wakes_for_the_end_of_a_link_and_the_exit_of_a_process() {
    let pinged: fn() -> LoopBinding = || LoopBinding::pinger(Silent);
    let watched = || LoopBinding::readiness(&DoorbellSet::new().unwrap());
    for binding in [pinged, watched] {
        let router: Router<()> = Router::new(binding());
        router.start().unwrap();
        for waits_for_link in [false, true] {
            let spawned = router.spawn(Pipe::new(), shell("exec 3>&- 4>&- 5>&-; sleep 0.05"));
            let (worker, _) = spawned.pipe(|_: &mut (), _: Event<u8>| {}).unwrap();
            let done =
                || if waits_for_link { router.links() == 0 } else { worker.exit().is_some() };
            router.route_until(&mut (), |()| done(), None).unwrap();
            assert!(done());
        }
        router.stop(&mut ()).unwrap();
    }
}

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

#[test]
fn shutdown_lets_workers_end_by_themselves() {
    let router: Router<Vec<Option<Exit>>> = router();
    let link = router.link(Channel::new()).unwrap();
    let ends = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let told = std::rc::Rc::clone(&ends);
    let (mut sender, _) = link
        .pipe(move |_: &mut Vec<Option<Exit>>, event: Event<u8>| told.borrow_mut().push(event))
        .unwrap();
    sender.start().unwrap();
    sender.send(1).unwrap();
    let on_exit = |exits: &mut Vec<Option<Exit>>, exit| exits.push(exit);
    let _ended = router
        .spawn(Pipe::new(), shell("sleep 0.05; exit 7"))
        .on_exit(on_exit)
        .pipe(|_: &mut Vec<Option<Exit>>, _: Event<u8>| {})
        .unwrap();
    let mut exits = Vec::new();
    router.shutdown(&mut exits, Duration::from_secs(60)).unwrap();
    assert_eq!(exits, [Some(Exit::Code(7))]);
    assert_eq!(*ends.borrow(), [Event::Message(1), Event::Ended(End::Closed)]);
    assert!(matches!(router.shutdown(&mut exits, Duration::ZERO), Err(StopError::WrongState(_))));
    assert!(sender.send(2).is_err());

    // One that does not end is killed when the grace is over.
    router.start().unwrap();
    let _hangs = router
        .spawn(Pipe::new(), shell("exec sleep 1000"))
        .on_exit(on_exit)
        .pipe(|_: &mut Vec<Option<Exit>>, _: Event<u8>| {})
        .unwrap();
    router.shutdown(&mut exits, Duration::from_millis(20)).unwrap();
    assert_eq!(exits, [Some(Exit::Code(7)), Some(Exit::Signal(9))]);
}
