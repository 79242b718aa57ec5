//! The router against a model: random calls, all on the foreground's thread, with each
//! transport and each kind of loop.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod rigs;

use std::time::Duration;

use homing::{
    ClosePipeError, End, Lost, PipeId, SendErrorKind, SenderError, SenderState, WrongState,
};
use homing_conformance::foreground::{Foreground, record};
use homing_conformance::{EventLoopRig, Pinged, SenderOf, TransportRig, Watched};
use homing_router::{Budget, Link, RouteError};
use proptest::prelude::*;
use proptest::sample::Index;
use rigs::{Channels, Pipes};

#[derive(Clone, Debug)]
enum Call {
    Link,
    Pipe(Index),
    Start(Index),
    Send(Index),
    StopSender(Index),
    DropSender(Index),
    ClosePipe(Index),
    Route,
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => Just(Call::Link),
        4 => any::<Index>().prop_map(Call::Pipe),
        6 => any::<Index>().prop_map(Call::Start),
        12 => any::<Index>().prop_map(Call::Send),
        3 => any::<Index>().prop_map(Call::StopSender),
        2 => any::<Index>().prop_map(Call::DropSender),
        2 => any::<Index>().prop_map(Call::ClosePipe),
        4 => Just(Call::Route),
        1 => Just(Call::Restart),
    ]
}

/// One pipe, and what the model knows of it.
struct Pipe<T: TransportRig> {
    id: PipeId,
    sender: Option<SenderOf<T>>,
    state: SenderState,
    /// Sent, and not routed.
    waiting: Vec<u64>,
    /// What the sender's end will be told as, once routed.
    reason: Option<End>,
    told: Vec<u64>,
    end: Option<End>,
    /// The foreground has closed it, other than by its stop.
    closed: bool,
    /// The run of the router that it belongs to.
    run: usize,
}

struct World<T: TransportRig, H: EventLoopRig> {
    foreground: Foreground<H>,
    links: Vec<Link<homing_conformance::foreground::App, T::Factory>>,
    pipes: Vec<Pipe<T>>,
    run: usize,
    next: u64,
}

impl<T: TransportRig, H: EventLoopRig> World<T, H> {
    fn new() -> Self {
        let foreground = Foreground::started();
        // On a busy machine the time of a budget is over before anything was routed.
        let budget = foreground.router.budget();
        foreground.router.set_budget(Budget { time: None, ..budget });
        let links = vec![foreground.small_link::<T>()];
        Self { foreground, links, pipes: Vec::new(), run: 0, next: 0 }
    }

    fn call(&mut self, call: &Call) {
        let run = self.run;
        let at = |index: &Index, len: usize| (len > 0).then(|| index.index(len));
        match call {
            Call::Link => self.links.push(self.foreground.small_link::<T>()),
            Call::Pipe(index) => {
                let link = &self.links[index.index(self.links.len())];
                let (sender, id) = record::<T>(link, self.pipes.len());
                self.pipes.push(Pipe {
                    id,
                    sender: Some(sender),
                    state: SenderState::Initial,
                    waiting: Vec::new(),
                    reason: None,
                    told: Vec::new(),
                    end: None,
                    closed: false,
                    run,
                });
            }
            Call::Start(index) => {
                let Some(at) = at(index, self.pipes.len()) else { return };
                let pipe = &mut self.pipes[at];
                let Some(sender) = &mut pipe.sender else { return };
                let (expected, state) = match pipe.state {
                    SenderState::Initial if pipe.run == run => (Ok(()), SenderState::Open),
                    SenderState::Initial => (Err(SenderError::Disconnected), SenderState::Closed),
                    state => (Err(SenderError::WrongState(WrongState { state })), state),
                };
                assert_eq!(sender.start(), expected);
                pipe.state = state;
                assert_eq!(sender.state(), state);
            }
            Call::Send(index) => {
                let Some(at) = at(index, self.pipes.len()) else { return };
                let message = self.next;
                self.next += 1;
                let pipe = &mut self.pipes[at];
                let Some(sender) = &mut pipe.sender else { return };
                let result = sender.send(message).map_err(|error| error.kind());
                match pipe.state {
                    SenderState::Open if pipe.run != run => {
                        // A sender that has learned of the one may not look for the other.
                        let knows = pipe.closed && result == Err(SendErrorKind::Closed);
                        assert!(knows || result == Err(SendErrorKind::Disconnected), "{result:?}");
                    }
                    SenderState::Open => match result {
                        Ok(()) => pipe.waiting.push(message),
                        // Where the transport lets it know, at once or later.
                        Err(SendErrorKind::Closed) => assert!(pipe.closed),
                        Err(reason) => assert_eq!(reason, SendErrorKind::Full),
                    },
                    state => assert_eq!(result, Err(SendErrorKind::NotOpen(state))),
                }
            }
            Call::StopSender(index) => {
                let Some(at) = at(index, self.pipes.len()) else { return };
                let pipe = &mut self.pipes[at];
                let Some(sender) = &mut pipe.sender else { return };
                let expected = match pipe.state {
                    // Also when the router was stopped since.
                    SenderState::Open => Ok(()),
                    state => Err(SenderError::WrongState(WrongState { state })),
                };
                assert_eq!(sender.stop(), expected);
                if pipe.state == SenderState::Open {
                    pipe.state = SenderState::Closed;
                    pipe.reason = Some(End::Finished);
                }
            }
            Call::DropSender(index) => {
                let Some(at) = at(index, self.pipes.len()) else { return };
                let pipe = &mut self.pipes[at];
                if pipe.sender.take().is_some() {
                    match pipe.state {
                        SenderState::Initial => pipe.reason = Some(End::Lost(Lost::default())),
                        SenderState::Open => pipe.reason = Some(End::Dropped),
                        SenderState::Closed => {}
                    }
                    pipe.state = SenderState::Closed;
                }
            }
            Call::ClosePipe(index) => {
                let Some(at) = at(index, self.pipes.len()) else { return };
                let pipe = &mut self.pipes[at];
                let expected = match pipe.end {
                    None => Ok(()),
                    Some(_) => Err(ClosePipeError::NoSuchPipe),
                };
                let app = &mut self.foreground.app;
                assert_eq!(self.foreground.router.close_pipe(app, pipe.id), expected);
                pipe.end.get_or_insert(End::Closed);
                pipe.closed |= expected.is_ok();
            }
            Call::Route => self.route(),
            Call::Restart => {
                self.foreground.router.stop(&mut self.foreground.app).unwrap();
                self.foreground.router.start().unwrap();
                for pipe in &mut self.pipes {
                    pipe.end.get_or_insert(End::Closed);
                }
                self.run += 1;
                self.links = vec![self.foreground.small_link::<T>()];
            }
        }
        self.check();
    }

    /// Routes all that is queued.
    fn route(&mut self) {
        let (router, app) = (&self.foreground.router, &mut self.foreground.app);
        let result = router.route_until(app, |_| false, Some(Duration::ZERO));
        assert!(matches!(result, Err(RouteError::TimedOut)));
        for pipe in &mut self.pipes {
            let waiting = std::mem::take(&mut pipe.waiting);
            if pipe.end.is_none() {
                pipe.told.extend(waiting);
                pipe.end.clone_from(&pipe.reason);
            }
        }
    }

    fn check(&self) {
        let Foreground { router, app, .. } = &self.foreground;
        for (number, pipe) in self.pipes.iter().enumerate() {
            assert_eq!(app.messages(number), pipe.told, "pipe {number}");
            assert_eq!(app.end(number), pipe.end, "pipe {number}");
            assert_eq!(router.has_pipe(pipe.id), pipe.end.is_none(), "pipe {number}");
        }
        let open = self.pipes.iter().filter(|pipe| pipe.end.is_none()).count();
        assert_eq!(router.open_pipes(), open);
        assert_eq!(router.links(), self.links.len());
    }
}

fn run<T: TransportRig, H: EventLoopRig>(calls: &[Call]) {
    let mut world = World::<T, H>::new();
    for call in calls {
        world.call(call);
    }
    world.call(&Call::Route);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn channel_watched(calls in proptest::collection::vec(call(), 1..80)) {
        run::<Channels, Watched>(&calls);
    }

    #[test]
    fn channel_pinged(calls in proptest::collection::vec(call(), 1..80)) {
        run::<Channels, Pinged>(&calls);
    }

    #[test]
    fn pipe_watched(calls in proptest::collection::vec(call(), 1..80)) {
        run::<Pipes, Watched>(&calls);
    }

    #[test]
    fn pipe_pinged(calls in proptest::collection::vec(call(), 1..80)) {
        run::<Pipes, Pinged>(&calls);
    }
}
