//! Waiting for space: one thread at the socket, the others behind it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use homing_core::Disconnected;
use rustix::event::poll;

use super::listener::Listener;
use super::region::Region;
use super::wake_socket::WakeSocket;
use crate::ring::Memory as _;
use crate::ring::control::ControlWords as _;

/// Where the threads of a link wait for space.
///
/// The foreground wakes the link with one byte, which one thread takes off the socket. So one
/// of them waits there, and tells the others.
pub(crate) struct WriterWait {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

struct Waiting {
    /// Whether a thread waits at the socket.
    at_socket: bool,
    /// How often one has come back from there, or all were interrupted.
    came: u64,
}

/// What a thread waits for.
#[derive(Clone, Copy)]
pub(crate) struct Space<'a> {
    pub(crate) region: &'a Region,
    pub(crate) socket: &'a WakeSocket,
    pub(crate) wanted: usize,
    /// What comes by the way back has a thread return, too.
    pub(crate) listener: Option<&'a Listener>,
}

impl WriterWait {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(Waiting { at_socket: false, came: 0 }), came: Condvar::new() }
    }

    /// Waits until there may be space, or the foreground is gone, or something comes by the way
    /// back, or the waits are interrupted. It asks `keep_waiting` once an interrupt would be
    /// noticed.
    pub(crate) fn wait(
        &self,
        space: Space<'_>,
        keep_waiting: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected> {
        let mut waiting = self.lock();
        let (behind, came) = (waiting.at_socket, waiting.came);
        waiting.at_socket = true;
        drop(waiting);
        if behind {
            self.wait_behind(came, keep_waiting);
            return Ok(());
        }
        let at_socket = AtSocket(self);
        let waited = wait_at_socket(space, keep_waiting);
        drop(at_socket);
        waited
    }

    /// Waits until the thread at the socket has come back since.
    fn wait_behind(&self, came: u64, keep_waiting: &dyn Fn() -> bool) {
        if !keep_waiting() {
            return;
        }
        let mut waiting = self.lock();
        while waiting.came == came {
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes all waits return that have asked whether to go on.
    pub(crate) fn interrupt(&self, listener: Option<&Listener>) {
        self.lock().came += 1;
        self.came.notify_all();
        if let Some(listener) = listener {
            listener.interrupt_writer();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the thread at the socket.
struct AtSocket<'a>(&'a WriterWait);

impl Drop for AtSocket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.at_socket = false;
        waiting.came += 1;
        drop(waiting);
        self.0.came.notify_all();
    }
}

fn wait_at_socket(space: Space<'_>, keep_waiting: &dyn Fn() -> bool) -> Result<(), Disconnected> {
    let Space { region, socket, wanted, listener } = space;
    let listening = listener.map(Listener::listen_as_writer);
    while keep_waiting() && !region.wait(wanted, region.len())? {
        match &listening {
            None => {
                // An error that lasts is found by the look that follows.
                let _ = poll(&mut [socket.watched()], None);
                socket.take()?;
            }
            Some(listening) => {
                if listening.wait(socket)? {
                    break;
                }
            }
        }
    }
    Ok(())
}
