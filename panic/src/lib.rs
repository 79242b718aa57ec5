//! What a panic said and where it happened, for the workers of
//! [Homing](https://crates.io/crates/homing): a sender that a panic drops tells its receiver.
//!
//! For transports. An [`Outlet`](homing_core::Outlet) calls [`install`] in its `open`, and
//! returns [`current`] from its `panicking`.
//!
//! A destructor that runs during a panic can find out that there is one, but not which. The
//! panic hook knows, and runs before the first destructor. So [`install`] puts a hook in front
//! of the program's own that writes the message and the place down for its thread, and then
//! calls the program's.
//!
//! The texts are not there when the hook did not run, which is the case for panics that
//! [`resume_unwind`](std::panic::resume_unwind) raises, and for programs that replace the hook
//! later on without calling the previous one. Then the last panic of the thread that the hook
//! has seen is taken, which for a panic that was caught and raised again is the right one; or
//! none at all.

#![forbid(unsafe_code)]

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;

use homing_core::Panic;

thread_local! {
    /// The last panic of this thread, and how it was reached.
    static LAST: RefCell<Option<(Panic, Backtrace)>> = const { RefCell::new(None) };
}

/// Installs the panic hook, once per process. Any thread may call it, as often as it likes;
/// on a thread that is panicking it does nothing.
pub fn install() {
    static INSTALLED: Once = Once::new();
    // The hook cannot be changed by a thread that is panicking.
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note(info);
            previous(info);
        }));
    });
}

/// The panic that is unwinding the calling thread, if one is.
pub fn current() -> Option<Panic> {
    if !thread::panicking() {
        return None;
    }
    let last = LAST.try_with(|last| Some(last.try_borrow().ok()?.as_ref()?.0.clone()));
    // Thread locals are gone when the thread's own destructors run.
    Some(last.ok().flatten().unwrap_or_default())
}

/// How the panic that is unwinding the calling thread was reached, if one is, and backtraces are
/// on: by `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE`, see [`Backtrace`]. Finding the names in it
/// takes milliseconds.
pub fn backtrace() -> Option<String> {
    if !thread::panicking() {
        return None;
    }
    let last = LAST.try_with(|last| {
        let last = last.try_borrow().ok()?;
        let (_, backtrace) = last.as_ref()?;
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string())
    });
    last.ok().flatten()
}

fn note(info: &PanicHookInfo<'_>) {
    let panic = match info.location() {
        Some(location) => Panic::new(message(info.payload()), location),
        None => Panic::new(message(info.payload()), ""),
    };
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some((panic, Backtrace::capture()));
        }
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic whose payload is no text"
    }
}
