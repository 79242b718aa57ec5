//! B13, B19: the first and the last arrival of a pipe, and the end of a link.

use homing_core::{LinkEnd, MessageType};

use super::link::{Arrived, PolledLink, nonce};
use super::{InletRig, deliver};
use crate::background::{background, panic_quietly};

/// How many messages each pipe of these checks carries.
const MESSAGES: u64 = 200;

/// B13: each pipe has exactly one end, whichever way its sender leaves, and nothing of a pipe
/// arrives after its end.
///
/// Typical cause of failure: the end is queued twice, by `stop` and by the drop; or it takes
/// another way than the messages, and overtakes them.
pub fn b13_one_end_per_pipe_after_its_last_message<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    let leave: [fn(&mut dyn FnMut()); 3] = [|stop| stop(), |_| {}, |_| panic_quietly()];
    let senders = [0, 1, 2].map(|pipe| link.sender::<u64>(pipe));
    // The last is never started.
    let abandoned = senders.len() as u32;
    drop(link.sender::<u64>(abandoned));
    let workers = senders.into_iter().zip(leave).map(|(mut sender, leave)| {
        background(move || {
            sender.start().unwrap();
            for message in 0..MESSAGES {
                deliver(&mut sender, message);
            }
            leave(&mut || sender.stop().unwrap());
        })
    });
    let workers: Vec<_> = workers.collect();
    let arrivals = link.until_ends::<u64>(workers.len() + 1, workers);
    for pipe in 0..=abandoned {
        let of_pipe: Vec<_> = arrivals.iter().filter(|(of, _)| *of == pipe).collect();
        let is_end = |arrival: &&&(u32, Arrived<u64>)| matches!(arrival.1, Arrived::Stopped(_));
        assert_eq!(of_pipe.iter().filter(is_end).count(), 1, "ends of pipe {pipe}");
        assert!(of_pipe.last().iter().any(is_end), "something follows the end of pipe {pipe}");
        let messages = of_pipe.iter().filter(|(_, arrived)| matches!(arrived, Arrived::Message(_)));
        let expected = if pipe == abandoned { 0 } else { MESSAGES as usize };
        assert_eq!(messages.count(), expected, "messages of pipe {pipe}");
    }
}

/// B13: when all senders of a link are gone, the link ends; all that was handed over arrives
/// before that, although the worker's end has gone by then.
///
/// Typical cause of failure: the end of the link is looked at before its queue.
pub fn b13_the_link_ends_after_all_that_was_handed_over<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    let mut sender = link.sender::<u64>(0);
    link.drop_factory();
    // With room for the end.
    let sent = (*R::FIT.start() as u64).div_ceil(2);
    let worker = background(move || {
        sender.start().unwrap();
        for message in 0..sent {
            sender.send(message).unwrap();
        }
    });
    worker.join();
    let (arrivals, end) = link.until_end::<u64>();
    assert_eq!(end, LinkEnd::gone());
    let messages = arrivals.iter().filter_map(|(_, arrived)| match arrived {
        Arrived::Message(message) => Some(*message),
        _ => None,
    });
    assert!(messages.eq(0..sent), "not all of {sent} messages arrived");
    assert!(matches!(arrivals.last(), Some((0, Arrived::Stopped(_)))));
}

/// B19: where pipes are claimed, the claim comes once, before all else of its pipe, with the
/// nonce of its ticket. Where they are not, there is none.
///
/// Typical cause of failure: a claim that waits in the worker's queue while messages go
/// directly.
pub fn b19_a_claim_comes_first<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    // Both senders are made before one of them fills the link.
    let senders = [3, 1].map(|pipe| link.sender::<u64>(pipe));
    let workers = senders.map(|mut sender| {
        background(move || {
            sender.start().unwrap();
            for message in 0..MESSAGES {
                deliver(&mut sender, message);
            }
            sender.stop().unwrap();
        })
    });
    let arrivals = link.until_ends::<u64>(workers.len(), workers);
    for pipe in [3, 1] {
        let of_pipe = || arrivals.iter().filter(|(of, _)| *of == pipe).map(|(_, arrived)| arrived);
        let claims = of_pipe().filter(|arrived| matches!(arrived, Arrived::Started(..))).count();
        assert_eq!(claims, usize::from(link.is_claimed()), "claims of pipe {pipe}");
        if link.is_claimed() {
            let claim = Arrived::Started(nonce(pipe), 0, String::new());
            assert_eq!(of_pipe().next(), Some(&claim), "pipe {pipe}");
        }
    }
}

/// B19: where pipes are claimed, the claim says of which type the sender's messages are, when that
/// is known: by a fingerprint and the type's name, of which what is too long is left out. A
/// sender that is given back without having been started says so too.
pub fn b19_a_claim_says_its_type<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    if !link.is_claimed() {
        return;
    }
    let long: &'static str = "a::".repeat(200).leak();
    let types =
        [(u64::MAX, "app::Message<u32>"), (1, ""), (0, ""), (7, long), (8, "of a pipe not used")];
    for (pipe, (fingerprint, name)) in (0..).zip(types) {
        let message_type = MessageType::new(fingerprint, name);
        let mut sender = link.sender_of::<u64>(pipe, message_type);
        let worker = background(move || {
            if fingerprint != 8 {
                sender.start().unwrap();
                sender.stop().unwrap();
            }
        });
        let arrivals = link.until_ends::<u64>(1, [worker]);
        let name = name.get(..name.len().min(MessageType::MAX_NAME)).unwrap().to_owned();
        let claim = Arrived::Started(nonce(pipe), fingerprint, name);
        assert_eq!(arrivals.first(), Some(&(pipe, claim)), "pipe {pipe}");
    }
}
