//! Receivers that are awaited.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream as _;
use futures_core::stream::FusedStream as _;
use homing_core::{End, Event};
use homing_router::Mailbox;

use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;
use crate::rig::TransportRig;

/// The smallest executor: counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll(mailbox: &mut Mailbox<u64>, waker: &Waker) -> Poll<Option<Event<u64>>> {
    Pin::new(mailbox).poll_next(&mut Context::from_waker(waker))
}

/// A mailbox is a stream: pending while there is nothing, woken when there is, then the
/// messages, then the end, then nothing for ever.
///
/// An implementation that fails it leaves a task asleep, or one that never learns of the end.
pub fn stream_yields_messages_then_the_end<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, mut mailbox) = link.mailbox::<u64>().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let count = || woken.0.load(Ordering::Relaxed);

    assert!(poll(&mut mailbox, &waker).is_pending());
    assert!(!mailbox.is_terminated());
    sender.start().unwrap();
    sender.send(1).unwrap();
    foreground.until("a wake-up of the task", |_| count() == 1);
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(Some(Event::Message(1))));
    assert!(poll(&mut mailbox, &waker).is_pending());

    sender.stop().unwrap();
    foreground.until("a wake-up of the task", |_| count() == 2);
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(Some(Event::Ended(End::Finished))));
    assert!(mailbox.is_terminated());
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(None));
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(None));
}

/// A task that awaits a mailbox is woken when the router stops.
pub fn stream_ends_with_its_router<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (_sender, mut mailbox) = link.mailbox::<u64>().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(poll(&mut mailbox, &waker).is_pending());
    foreground.router.stop(&mut foreground.app).unwrap();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(Some(Event::Ended(End::Closed))));
    assert_eq!(poll(&mut mailbox, &waker), Poll::Ready(None));
}
