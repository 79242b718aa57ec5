//! What workers do.

use homing_core::{
    AnswerOutlet, AsyncCommands, Commands, Outlet, Receiver, RecvError, Reply, SendErrorKind,
    Sender,
};
use serde::{Deserialize, Serialize};

use super::task_role::{self, TaskOutlet};
use crate::task::block_on;

/// What the foreground sends.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[non_exhaustive]
pub enum Order {
    /// To be sent back.
    Number(u64),
    /// Its length is to be sent back.
    Bytes(Vec<u8>),
    /// Twice the number is the answer.
    Double(u64, Reply<u64>),
    /// A text of this length is the answer.
    Text(usize, Reply<String>),
    /// Not to be answered.
    Never(Reply<u64>),
    /// The worker is to stop.
    Finish,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// What it is ordered, until it is told to stop or has nothing more to receive.
    Obeys,
    /// Starts, says so by a message, and receives nothing until it is cancelled, by looks.
    Computes,
    /// Starts, receives three orders, which it sends back, and then nothing more.
    TakesThree,
    /// Sends numbers without end.
    Floods,
    /// Starts, sends a message, and is done. Commands that come then are not received.
    Leaves,
    /// What it is ordered, as a task.
    TaskObeys,
    /// Sends numbers without end, as a task.
    TaskFloods,
    /// Sends back the numbers that it is ordered, with futures that it mostly drops.
    TaskDrops,
}

impl Role {
    pub(super) const ALL: [(&'static str, Self); 8] = [
        ("obeys", Role::Obeys),
        ("computes", Role::Computes),
        ("takes-three", Role::TakesThree),
        ("floods", Role::Floods),
        ("leaves", Role::Leaves),
        ("task-obeys", Role::TaskObeys),
        ("task-floods", Role::TaskFloods),
        ("task-drops", Role::TaskDrops),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| name)
    }

    /// Whether its link is to be soon full.
    pub(super) fn fills_its_link(self) -> bool {
        matches!(self, Role::Floods | Role::TaskFloods | Role::TaskDrops)
    }
}

/// The last message of a worker that was cancelled.
pub(super) const CANCELLED: u64 = u64::MAX;

/// What roles return.
pub(super) const DONE: i32 = 0;
pub(super) const SAW_CANCEL: i32 = 11;
pub(super) const SAW_CLOSE: i32 = 12;
pub(super) const SAW_STOP: i32 = 13;
pub(super) const SAW_DISCONNECT: i32 = 14;

/// Plays a role to its end.
pub(super) fn perform<I, O>(
    role: Role,
    mut orders: Receiver<Order, I>,
    mut sender: Sender<u64, O>,
) -> i32
where
    I: AsyncCommands<Order>,
    O: TaskOutlet,
{
    sender.start().unwrap();
    match role {
        Role::Obeys => obey(&mut orders, &mut sender),
        Role::Computes => {
            sender.send(1).unwrap();
            while !sender.is_cancelled() {
                if sender.is_closed() {
                    return SAW_CLOSE;
                }
                std::hint::spin_loop();
            }
            let outcome = if sender.is_stopping() { SAW_STOP } else { SAW_CANCEL };
            // The pipe is still open.
            sender.send(CANCELLED).unwrap();
            sender.stop().unwrap();
            outcome
        }
        Role::TakesThree => {
            for _ in 0..3 {
                let Ok(Order::Number(number)) = orders.recv() else { panic!("not such an order") };
                sender.send(number).unwrap();
            }
            // A thread's ends are dropped, a process exits.
            drop(sender);
            DONE
        }
        Role::Floods => flood(&mut sender),
        Role::Leaves => {
            sender.send(1).unwrap();
            sender.stop().unwrap();
            DONE
        }
        Role::TaskObeys => block_on(task_role::obey(&mut orders, &mut sender)),
        Role::TaskFloods => block_on(task_role::flood(&mut sender)),
        Role::TaskDrops => task_role::drop_futures(&mut orders, &mut sender),
    }
}

fn obey<I, O>(orders: &mut Receiver<Order, I>, sender: &mut Sender<u64, O>) -> i32
where
    I: Commands<Order>,
    O: Outlet<u64> + AnswerOutlet<u64> + AnswerOutlet<String>,
{
    loop {
        let sent = match orders.recv() {
            Ok(Order::Number(number)) => sender.send(number).map_err(|error| error.kind()),
            Ok(Order::Bytes(bytes)) => {
                assert!(bytes.iter().all(|byte| *byte == bytes.len() as u8), "torn");
                sender.send(bytes.len() as u64).map_err(|error| error.kind())
            }
            Ok(Order::Double(number, reply)) => {
                sender.answer(reply, 2 * number).map_err(|error| error.kind())
            }
            Ok(Order::Text(len, reply)) => {
                sender.answer(reply, "x".repeat(len)).map_err(|error| error.kind())
            }
            Ok(Order::Never(_)) => Ok(()),
            Ok(Order::Finish) => {
                sender.stop().unwrap();
                return DONE;
            }
            Err(RecvError::Cancelled) => {
                sender.send(CANCELLED).unwrap();
                sender.stop().unwrap();
                return if orders.is_stopping() { SAW_STOP } else { SAW_CANCEL };
            }
            Err(RecvError::Closed) => return SAW_CLOSE,
            Err(RecvError::Disconnected) => return SAW_DISCONNECT,
            Err(error) => panic!("{error}"),
        };
        match sent {
            Ok(()) => {}
            Err(SendErrorKind::Closed) => return SAW_CLOSE,
            Err(SendErrorKind::Disconnected) => return SAW_DISCONNECT,
            Err(error) => panic!("{error}"),
        }
    }
}

fn flood<O: Outlet<u64>>(sender: &mut Sender<u64, O>) -> i32 {
    for number in 0.. {
        match sender.send(number).map_err(|error| error.kind()) {
            Ok(()) => {}
            Err(SendErrorKind::Closed) => return SAW_CLOSE,
            Err(SendErrorKind::Disconnected) => return SAW_DISCONNECT,
            Err(SendErrorKind::Cancelled) => {
                // The pipe is still open, and what is sent now waits for room.
                sender.send(CANCELLED).unwrap();
                sender.stop().unwrap();
                return SAW_CANCEL;
            }
            Err(error) => panic!("{error}"),
        }
    }
    DONE
}
