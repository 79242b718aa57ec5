//! Duplex pipes: commands, questions and their answers, and what the worker is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answers;
mod bytes;
mod ends;
mod notices;
mod scripted;

use homing_core::{ByValue, End, Event, Reply};
use homing_router::{AskError, Dispatched, DoorbellSet, Link, LoopBinding, Remote, Router};
use homing_transport_channel::{Channel, ChannelFactory, Receiver as CommandReceiver, Sender};

/// What the pipes of a test were told.
#[derive(Debug, PartialEq)]
enum Told {
    Message(u32),
    Answer(u32),
    Unanswered(End),
    TimedOut,
    Ended(End),
}

type App = Vec<Told>;

/// What the foreground sends.
enum Order {
    Report(u32),
    Ask(Reply<u32>),
}

fn router() -> Router<App> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

fn on_event(app: &mut App, event: Event<u32>) {
    app.push(match event {
        Event::Message(message) => Told::Message(message),
        Event::Ended(end) => Told::Ended(end),
    });
}

fn on_answer(app: &mut App, answer: Result<u32, AskError>) {
    app.push(match answer {
        Ok(answer) => Told::Answer(answer),
        Err(AskError::Ended(end)) => Told::Unanswered(end),
        Err(AskError::TimedOut) => Told::TimedOut,
        Err(error) => panic!("{error}"),
    });
}

/// A pipe over a channel, whose sender is started.
fn pipe(
    link: &Link<App, ChannelFactory>,
) -> (CommandReceiver<Order>, Sender<u32>, Remote<App, Order, ByValue>) {
    let ((orders, mut sender), remote, _) = link.duplex::<Order, u32>(on_event).unwrap();
    sender.start().unwrap();
    (orders, sender, remote)
}

fn one_pipe(
    router: &Router<App>,
) -> (CommandReceiver<Order>, Sender<u32>, Remote<App, Order, ByValue>) {
    pipe(&router.link(Channel::new()).unwrap())
}

fn dispatch(router: &Router<App>, app: &mut App) {
    while router.dispatch(app) == Dispatched::Again {}
}
