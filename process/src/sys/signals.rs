//! The signal mask of a thread and the dispositions of a process.

use std::mem::MaybeUninit;
use std::ptr;

/// Signals are numbered from 1; bit n - 1 of a set stands for signal n.
const SIGNALS: std::ops::RangeInclusive<libc::c_int> = 1..=64;

fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// The signals that the calling thread blocks.
pub(crate) fn blocked_signals() -> u64 {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: with no new set, it only writes the current mask to `set`.
    let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr()) };
    if failed != 0 {
        return 0;
    }
    // SAFETY: the call succeeded, so the mask was written. Numbers that are no signals are an
    // error of sigismember, which is not 1.
    let set = unsafe { set.assume_init() };
    // SAFETY: `set` is initialised.
    SIGNALS
        .filter(|signal| unsafe { libc::sigismember(&raw const set, *signal) } == 1)
        .map(bit)
        .sum()
}

/// The signals that this process ignores, apart from SIGPIPE, about which every Rust program
/// and std's `Command` have rules of their own.
pub(crate) fn ignored_signals() -> u64 {
    SIGNALS.filter(|signal| *signal != libc::SIGPIPE && is_ignored(*signal)).map(bit).sum()
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with no new action, it only writes the current one to `action`.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the call succeeded, so the action was written.
    failed == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Lets the calling thread receive the signals in `blocked` again, and gives those in
/// `ignored` their default disposition where they are still ignored.
pub(crate) fn restore_signals(blocked: u64, ignored: u64) {
    for signal in SIGNALS.filter(|signal| ignored & bit(*signal) != 0) {
        if signal != libc::SIGPIPE && is_ignored(signal) {
            // SAFETY: the default disposition runs no code of this process.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    change_mask(libc::SIG_UNBLOCK, blocked);
}

/// Blocks all signals in the calling thread: no handler runs on it from here on.
pub(crate) fn block_all_signals() {
    change_mask(libc::SIG_BLOCK, u64::MAX);
}

fn change_mask(how: libc::c_int, signals: u64) {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in SIGNALS.filter(|signal| signals & bit(*signal) != 0) {
        // SAFETY: the set is initialised. A number that is no signal is an error, and adds
        // nothing.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set is initialised; the mask is the calling thread's own.
    unsafe { libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut()) };
}
