//! B28: workers whose ends are used by tasks.

use std::collections::VecDeque;

use super::ask::question_gets_its_answer;
use super::commands::{both_ways_may_be_full, commands_keep_their_order, receiver_learns_of_stop};
use super::notices::{
    cancel_wakes_a_receiver, cancel_wakes_a_sender, close_is_seen_by_a_sender,
    close_wakes_a_receiver,
};
use super::role::{DONE, Order, Role};
use super::{DuplexRig, PLENTY, Started, finished};
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;

/// B28: a task receives commands of any size in order, and is woken for each.
///
/// An implementation that fails it wakes threads only, or looks before it registers the task.
pub fn b28_a_task_receives_in_order<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    commands_keep_their_order::<W, H>(program, Role::TaskObeys);
}

/// B28: with both directions full, a task that sends waits for room and is woken, and so all comes
/// to its end.
pub fn b28_both_ways_may_be_full<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    both_ways_may_be_full::<W, H>(program, Role::TaskObeys);
}

/// B28: a task answers questions, also at such length that the answer finds no room at once.
pub fn b28_a_task_answers<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    question_gets_its_answer::<W, H>(program, Role::TaskObeys);
}

/// B28, B25: cancel wakes a task that waits for a command.
pub fn b28_cancel_wakes_a_task_that_receives<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    cancel_wakes_a_receiver::<W, H>(program, Role::TaskObeys);
}

/// B28, B25: cancel wakes a task that waits for room, whose message comes back.
pub fn b28_cancel_wakes_a_task_that_sends<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    cancel_wakes_a_sender::<W, H>(program, Role::TaskFloods);
}

/// B28, B9: a close wakes a task that waits for a command.
pub fn b28_close_wakes_a_task_that_receives<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    close_wakes_a_receiver::<W, H>(program, Role::TaskObeys);
}

/// B28, B9: a close wakes a task that waits for room.
pub fn b28_close_wakes_a_task_that_sends<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    close_is_seen_by_a_sender::<W, H>(program, Role::TaskFloods);
}

/// B28, B7: a task that waits learns that the router has stopped.
pub fn b28_tasks_learn_that_the_router_has_stopped<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
) {
    receiver_learns_of_stop::<W, H>(program, Role::TaskObeys);
}

/// B28: futures that are dropped after a poll or two lose no command, and what they were to send was
/// sent once or not at all, as the counters say.
///
/// An implementation that fails it takes a command before its future is ready, or leaves a message
/// half sent.
pub fn b28_a_dropped_future_loses_nothing<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    const COUNT: u64 = 2_000;
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, Role::TaskDrops, 0, PLENTY);
    let mut waiting: VecDeque<Order> = (0..COUNT).map(Order::Number).collect();
    waiting.push_back(Order::Finish);
    // Now and then the worker has to wait for commands, and now and then for room.
    while !waiting.is_empty() {
        for order in waiting.drain(..waiting.len().min(100)) {
            remote.send(order).unwrap();
        }
        foreground.run_pending();
    }
    finished(&mut foreground, 0);
    assert!(foreground.app.messages(0).iter().copied().eq(0..COUNT));
    assert_eq!(W::outcome(&mut foreground, worker), DONE);
}
