//! Waiting for space: one thread at the socket, the others behind it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use homing_core::Disconnected;

use super::wake_socket::WakeSocket;
use crate::ring::Memory;

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
    /// How often one has come back from there.
    came: u64,
}

impl WriterWait {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(Waiting { at_socket: false, came: 0 }), came: Condvar::new() }
    }

    /// Waits until there may be space for `wanted` bytes, or the foreground is gone.
    pub(crate) fn wait<M: Memory>(
        &self,
        memory: &M,
        socket: &WakeSocket,
        wanted: usize,
    ) -> Result<(), Disconnected> {
        let mut waiting = self.lock();
        if waiting.at_socket {
            let came = waiting.came;
            while waiting.came == came {
                waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            return Ok(());
        }
        waiting.at_socket = true;
        drop(waiting);
        let waited = wait_at_socket(memory, socket, wanted);
        let mut waiting = self.lock();
        waiting.at_socket = false;
        waiting.came += 1;
        drop(waiting);
        self.came.notify_all();
        waited
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait_at_socket<M: Memory>(
    memory: &M,
    socket: &WakeSocket,
    wanted: usize,
) -> Result<(), Disconnected> {
    while !memory.wait(wanted, memory.len())? {
        socket.wait()?;
    }
    Ok(())
}
