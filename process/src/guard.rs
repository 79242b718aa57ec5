//! In the worker: ending with the foreground, whatever the worker does then.

use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendFlags, send};

use crate::descriptor::LinkDescriptor;
use crate::start_deadline::OPENED;
use crate::sys;

/// No SIGPIPE when the foreground is gone. Apple's systems have no such flag: the signal, unless it
/// is ignored as Rust programs do, ends a worker that is about to end anyway.
#[cfg(not(target_vendor = "apple"))]
const WITHOUT_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const WITHOUT_SIGNAL: SendFlags = SendFlags::empty();

/// Ends this process when the foreground has ended. `watched` is what the foreground handed
/// over for this, and empty for a worker that is to run on.
///
/// On Linux the first of them is a pidfd of the foreground, and the kernel's parent-death
/// signal is asked for as well: it reaches a process that is stopped. Elsewhere it is a socket
/// that the foreground holds the other end of.
pub(crate) fn arm(descriptor: &LinkDescriptor, watched: Vec<OwnedFd>) {
    if watched.is_empty() {
        return;
    }
    // The last of them is a socket on every system.
    if let Some(lifeline) = watched.last() {
        // The foreground may be gone, as the watcher will find.
        let _ = send(lifeline, OPENED, WITHOUT_SIGNAL | SendFlags::DONTWAIT);
    }
    let parent = (!descriptor.any_parent).then_some(descriptor.foreground);
    let (armed, is_armed) = mpsc::sync_channel::<()>(1);
    // The parent-death signal is lost with the thread that asked for it, so that is this one.
    let watcher = thread::Builder::new().name("homing-watch".into()).spawn(move || {
        // The application's handlers are not to run here.
        sys::block_all_signals();
        ask_for_signal(parent);
        drop(armed);
        if let Some(foreground) = watched.first() {
            wait_for_end(foreground);
            sys::exit_now();
        }
    });
    match watcher {
        // It ends with the drop of the sender.
        Ok(_) => drop(is_armed.recv()),
        Err(error) => {
            log::warn!("this worker may outlive its foreground: no thread to watch it: {error}");
            ask_for_signal(parent);
        }
    }
}

/// Has the kernel kill this process when its parent, the foreground, ends. Not where the
/// parent is a wrapper, whose end need not be the foreground's.
fn ask_for_signal(parent: Option<u32>) {
    #[cfg(target_os = "linux")]
    if let Some(parent) = parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // It cannot fail for a valid signal.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        if std::os::unix::process::parent_id() != parent {
            // The foreground ended before that.
            sys::exit_now();
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
}

/// Waits until the descriptor is readable, or its other end is closed.
fn wait_for_end(foreground: &OwnedFd) {
    loop {
        match poll(&mut [PollFd::new(foreground, PollFlags::IN)], None) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return,
            Err(error) => {
                // For want of memory in the kernel.
                log::warn!("the foreground cannot be watched: {error}");
                thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }
}
