//! What workers do whose ends are used by tasks.

use homing_core::{
    AsyncAnswerOutlet, AsyncCommands, AsyncOutlet, Receiver, RecvError, SendErrorKind, Sender,
};

use super::role::{CANCELLED, DONE, Order, SAW_CANCEL, SAW_CLOSE, SAW_DISCONNECT, SAW_STOP};
use crate::task::{block_on, poll_at_most};

/// What an outlet of the suite can do.
pub trait TaskOutlet:
    AsyncOutlet<u64> + AsyncAnswerOutlet<u64> + AsyncAnswerOutlet<String>
{
}

impl<O> TaskOutlet for O where
    O: AsyncOutlet<u64> + AsyncAnswerOutlet<u64> + AsyncAnswerOutlet<String>
{
}

/// [`Role::TaskObeys`](super::Role::TaskObeys).
pub(super) async fn obey<I, O>(orders: &mut Receiver<Order, I>, sender: &mut Sender<u64, O>) -> i32
where
    I: AsyncCommands<Order>,
    O: TaskOutlet,
{
    loop {
        let sent = match orders.recv_async().await {
            Ok(Order::Number(number)) => kind(sender.send_async(number).await),
            Ok(Order::Bytes(bytes)) => {
                assert!(bytes.iter().all(|byte| *byte == bytes.len() as u8), "torn");
                kind(sender.send_async(bytes.len() as u64).await)
            }
            Ok(Order::Double(number, reply)) => kind(sender.answer_async(reply, 2 * number).await),
            Ok(Order::Text(len, reply)) => kind(sender.answer_async(reply, "x".repeat(len)).await),
            Ok(Order::Never(_)) => Ok(()),
            Ok(Order::Finish) => {
                sender.stop_async().await.unwrap();
                return DONE;
            }
            Err(RecvError::Cancelled) => return report(sender).await,
            Err(RecvError::Closed) => return SAW_CLOSE,
            Err(RecvError::Disconnected) => return SAW_DISCONNECT,
            Err(error) => panic!("{error}"),
        };
        if let Err(outcome) = sent {
            return outcome;
        }
    }
}

/// After so many messages a worker that floods looks whether it was cancelled. One that waits for room
/// and is not woken never comes to that.
const LOOK: u64 = 4096;

/// [`Role::TaskFloods`](super::Role::TaskFloods).
pub(super) async fn flood<O: TaskOutlet>(sender: &mut Sender<u64, O>) -> i32 {
    for number in 0.. {
        // On a busy machine a link may take long to be full.
        if number % LOOK == 0 && sender.is_cancelled() {
            return report(sender).await;
        }
        match sender.send_async(number).await.map_err(|error| error.kind()) {
            // The pipe is still open, and what is sent now waits for room.
            Err(SendErrorKind::Cancelled) => return report(sender).await,
            sent => {
                if let Err(outcome) = kind_of(sent) {
                    return outcome;
                }
            }
        }
    }
    DONE
}

/// [`Role::TaskDrops`](super::Role::TaskDrops).
pub(super) fn drop_futures<I, O>(
    orders: &mut Receiver<Order, I>,
    sender: &mut Sender<u64, O>,
) -> i32
where
    I: AsyncCommands<Order>,
    O: TaskOutlet,
{
    // Of a future that is polled once nothing is ever waited for; the others wait.
    let mut polls = (1..=3).cycle();
    loop {
        let received = polls.find_map(|polls| poll_at_most(polls, orders.recv_async()));
        match received {
            Some(Ok(Order::Number(number))) => {
                let before = sender.counters().sent;
                while sender.counters().sent == before {
                    let polls = polls.next().unwrap_or(1);
                    let sent = poll_at_most(polls, sender.send_async(number));
                    assert!(sent.is_none_or(|sent| sent.is_ok()));
                }
            }
            Some(Ok(Order::Finish)) => {
                block_on(sender.stop_async()).unwrap();
                return DONE;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Reports that the pipe was cancelled.
async fn report<O: TaskOutlet>(sender: &mut Sender<u64, O>) -> i32 {
    sender.send_async(CANCELLED).await.unwrap();
    sender.stop_async().await.unwrap();
    if sender.is_stopping() { SAW_STOP } else { SAW_CANCEL }
}

fn kind<M>(sent: Result<(), homing_core::SendError<M>>) -> Result<(), i32> {
    kind_of(sent.map_err(|error| error.kind()))
}

/// What a worker returns that could not send.
fn kind_of(sent: Result<(), SendErrorKind>) -> Result<(), i32> {
    match sent {
        Ok(()) => Ok(()),
        Err(SendErrorKind::Closed) => Err(SAW_CLOSE),
        Err(SendErrorKind::Disconnected) => Err(SAW_DISCONNECT),
        Err(error) => panic!("{error}"),
    }
}
