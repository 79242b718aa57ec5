//! B18, B19: workers whose messages are of another type than the foreground expects.

use std::io::Write as _;
use std::process::Stdio;

use homing_core::{End, Event, Exit, MessageType, ProtocolError, Ticket};
use homing_router::PipeOptions;

use super::role::{DISCONNECTED, lines};
use super::{ProcessRig, Program, WellBehaved, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// In the worker: a sender that says of which type its messages are, by the number of a
/// fingerprint. It sends until it is cut off.
pub(super) fn send_typed<R: ProcessRig>(fingerprint: u64) -> ! {
    let mut first = R::first::<u64>();
    first.start().unwrap();
    let line = lines().next().expect("a ticket");
    let ticket: Ticket<u64> = line.parse().expect("a ticket");
    let message_type = MessageType::new(fingerprint, "worker::Message");
    let mut sender = R::sender(ticket.with_message_type(message_type));
    // Whether it is cut off at once is a matter of time.
    let _ = sender.start();
    for message in 0.. {
        if sender.send(message).is_err() {
            std::process::exit(DISCONNECTED);
        }
    }
    unreachable!("it is cut off, or killed");
}

/// In the worker: a message that cannot be read as a number of 64 bits.
pub(super) fn send_text<R: ProcessRig>() {
    let mut sender = R::first::<String>();
    sender.start().unwrap();
    sender.send("a text".to_owned()).unwrap();
    // The link was cut off meanwhile, or is soon.
    let _ = sender.stop();
}

/// B19: a worker that starts a pipe for messages of another type than the foreground expects, or
/// does not say of which, is cut off before any of its messages is delivered, and both types are
/// named. One that says the same fingerprint goes on, and so does one that says anything where
/// nothing is expected.
///
/// Typical cause of failure: a transport of one's own whose Start frame leaves the type out.
pub fn b19_a_worker_of_another_type_is_cut_off<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    let cases = [(1, 1, true), (0, 1, true), (0, 0, true), (1, 2, false), (1, 0, false)];
    for (number, (expected, said, goes_on)) in (1..).step_by(2).zip(cases) {
        let mut command = program.command(&format!("typed {said}"));
        command.stdin(Stdio::piped());
        let (worker, _) = spawn::<R, H>(&foreground, command, number + 1);
        let options = PipeOptions::new().message_type(MessageType::new(expected, "app::Message"));
        let (ticket, _) = worker
            .pipe_with(options, move |app: &mut App, event: Event<u64>| app.record(number, &event))
            .unwrap();
        writeln!(worker.take_stdin().unwrap(), "{ticket}").unwrap();
        if goes_on {
            foreground.until("a message", |app| app.count(number) > 0);
            assert_eq!(foreground.app.end(number), None);
            continue;
        }
        let end = foreground.end_of(number);
        let End::Refused(ProtocolError::TypeMismatch(mismatch)) = &end else {
            panic!("fingerprint {said} where {expected} is expected: {end:?}");
        };
        let found = if said == 0 { "a type that is not checked" } else { "worker::Message (" };
        assert!(mismatch.expected().starts_with("app::Message ("), "{mismatch}");
        assert!(mismatch.found().starts_with(found), "{mismatch}");
        assert_eq!(foreground.app.count(number), 0);
        // The worker's other pipe goes with its link.
        assert_eq!(foreground.end_of(number + 1), end);
        foreground.until("its exit", |_| worker.exit().is_some());
        assert_eq!(worker.exit(), Some(Exit::Code(DISCONNECTED)));
    }
    assert_eq!(foreground.router.counters().refused_links, 2);
    honest.ask();
    honest.check(&mut foreground);
}

/// B18: a message that does not decode is refused, with the name of the type that was expected
/// and the words of the decoder.
pub fn b18_what_does_not_decode_is_named<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let (_worker, _) = spawn::<R, H>(&foreground, program.command("text"), 0);
    let end = foreground.end_of(0);
    let End::Refused(ProtocolError::Undecodable(undecodable)) = end else {
        panic!("a text where a number is expected: {end:?}");
    };
    assert_eq!(undecodable.expected(), "u64");
    assert!(!undecodable.detail().is_empty());
    assert_eq!(foreground.app.count(0), 0);
}
