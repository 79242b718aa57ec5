//! System calls that have no safe form elsewhere. One of the modules with `unsafe` code.

mod signals;
pub(crate) use signals::{block_all_signals, blocked_signals, ignored_signals, restore_signals};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{
    Hangup, PrivateTable, exit_of_pidfd, kill_group_of, signal_on_hangup, stop_signal_on_hangup,
};

/// Ends this process at once, with all its threads. Nothing of it runs any more: no destructor,
/// no handler.
pub(crate) fn exit_now() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The first process of a pid namespace does not receive its own SIGKILL.
    // SAFETY: no precondition; it does not return.
    unsafe { libc::_exit(128 + libc::SIGKILL) }
}
