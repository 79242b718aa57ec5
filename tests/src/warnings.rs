//! What is logged on this thread.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

thread_local! {
    static LOGGED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A thread that is ending, or that captures nothing, is skipped.
            let _ = LOGGED.try_with(|logged| {
                if let Some(logged) = &mut *logged.borrow_mut() {
                    logged.push(record.args().to_string());
                }
            });
        }
    }

    fn flush(&self) {}
}

/// Runs `work`, and returns the warnings and errors that were logged meanwhile on this
/// thread. A router logs on the foreground's thread, so checks may run side by side.
///
/// It installs a logger for the whole program; a test binary has no other.
pub fn warnings_of<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Capture).expect("no other logger is installed");
        log::set_max_level(LevelFilter::Warn);
    });
    LOGGED.with(|logged| *logged.borrow_mut() = Some(Vec::new()));
    let result = work();
    let logged = LOGGED.with(|logged| logged.borrow_mut().take());
    (result, logged.unwrap_or_default())
}
