//! The worker's side of a link.

use std::io;
use std::sync::Arc;
use std::thread;

use homing_mux::{MuxConfig, MuxHandle, WayBack};
use homing_process::OwnedHandle;

use super::direction::Direction;
use super::inlet::{self, ShmInlet};
use super::listener::{Listener, Source};
use super::sink::{self, ShmHandle, ShmSink};
use super::wake_socket::WakeReceiver;

/// Takes over, in a worker process, the handles that [`Shm`](crate::Shm) has prepared.
/// `config` has the limits that came with them.
///
/// Starts a thread (`homing-watch`) that sleeps until the foreground is gone, also by
/// SIGKILL, or until the link ends. So a sender learns of that with its next message, although
/// it makes no system call to look.
///
/// # Errors
///
/// When the handles are not those of a link of shared memory.
pub fn adopt(handles: Vec<OwnedHandle>, config: MuxConfig) -> io::Result<ShmHandle> {
    let Ok([memory, socket, back_memory, back_socket]) = <[OwnedHandle; 4]>::try_from(handles)
    else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let there = Direction::adopt(&memory, socket)?;
    let back = Direction::adopt(&back_memory, back_socket)?;
    let socket = Arc::clone(&there.socket);
    let handle = join(there, back, config)?;
    handle.open();
    let link = handle.downgrade();
    // Without such a thread it is still found whenever a sender rings or waits.
    let _ = thread::Builder::new().name("homing-watch".into()).spawn(move || {
        socket.wait_gone();
        if let Some(link) = link.upgrade() {
            link.disconnect();
        }
    });
    Ok(handle)
}

/// Puts the worker's side together: it writes the way there, and reads the way back.
pub(super) fn join(there: Direction, back: Direction, config: MuxConfig) -> io::Result<ShmHandle> {
    let wakes = Arc::new(WakeReceiver::new(back.socket));
    let listener =
        Listener::new(Arc::clone(&back.region), Arc::clone(&wakes), Arc::clone(&there.socket))?;
    let listener = Arc::new(listener);
    // A look never spins.
    let other = inlet::OtherDirection::There(Arc::clone(&listener));
    let inlet = ShmInlet::new(back.region, wakes, &config, false, other);
    let other = sink::OtherDirection::Back(Arc::clone(&listener));
    let sink = ShmSink::new(there.region, there.socket, other);
    Ok(MuxHandle::new(sink, config).with_way_back(WayBack::new(inlet, Source(listener))))
}
