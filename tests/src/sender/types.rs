//! B18, B19: what type a message is of.

use homing_core::{End, Event, MessageType, ProtocolError};
use homing_router::PipeOptions;

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};
use crate::rig::{TransportRig, Unreadable};

/// B18: a message that does not decode is refused, with the name of the type that was expected
/// and the words of the decoder. Where messages move as values they are not decoded, and it
/// arrives.
pub fn b18_what_does_not_decode_is_refused<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let record = |app: &mut App, event: Event<Unreadable>| match event {
        Event::Message(_) => app.record(0, &Event::Message(1)),
        Event::Ended(end) => app.record(0, &Event::Ended(end)),
    };
    let (mut sender, _) = link.pipe(record).unwrap();
    let worker = foreground.spawn(move || {
        sender.start().unwrap();
        sender.send(Unreadable).unwrap();
        // The link was cut off meanwhile, or is soon.
        let _ = sender.stop();
    });
    foreground.join(worker);
    match foreground.end_of(0) {
        End::Finished => assert_eq!(foreground.app.count(0), 1),
        End::Refused(ProtocolError::Undecodable(undecodable)) => {
            let expected = undecodable.expected();
            assert!(expected.contains("rig::Unreadable"), "{expected}");
            assert!(!undecodable.detail().is_empty());
            assert_eq!(foreground.app.count(0), 0);
        }
        end => panic!("a message that cannot be read: {end:?}"),
    }
}

/// B19: a pipe whose type is checked goes on when both ends mean the same.
pub fn b19_a_checked_pipe_goes_on<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let options = PipeOptions::new().message_type(MessageType::new(7, "app::Message"));
    let (mut sender, _) =
        link.pipe_with(options, |app: &mut App, event: Event<u64>| app.record(0, &event)).unwrap();
    let (mut mailed, mut mailbox) = link.mailbox_with::<u64>(options_of_a_mailbox(), 4).unwrap();
    let worker = foreground.spawn(move || {
        for sender in [&mut sender, &mut mailed] {
            sender.start().unwrap();
            sender.send(1).unwrap();
            sender.stop().unwrap();
        }
    });
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
    foreground.until("the end of a mailbox's pipe", |_| mailbox.len() == 1);
    assert_eq!(mailbox.try_recv(), Some(Event::Message(1)));
}

fn options_of_a_mailbox() -> PipeOptions<u64> {
    PipeOptions::new().message_type(MessageType::new(8, "app::Mail"))
}
