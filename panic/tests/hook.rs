//! The panic hook of the program, beside the one that is installed. A test binary for itself:
//! it replaces the hook.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use homing_panic::{current, install};

/// Writes down what is known of the panic that drops it.
struct Witness;

static KNOWN: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

impl Drop for Witness {
    fn drop(&mut self) {
        let known = current().is_some_and(|panic| panic.message == "on purpose");
        KNOWN.fetch_add(known.into(), Ordering::Relaxed);
    }
}

#[test]
fn hooks_before_and_after_it_are_called_once() {
    std::panic::set_hook(Box::new(|_| _ = CALLS.fetch_add(1, Ordering::Relaxed)));
    install();
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        CALLS.fetch_add(10, Ordering::Relaxed);
        previous(info);
    }));
    install();
    catch_unwind(|| {
        let _witness = Witness;
        panic!("on purpose");
    })
    .unwrap_err();
    assert_eq!(CALLS.load(Ordering::Relaxed), 11);
    assert_eq!(KNOWN.load(Ordering::Relaxed), 1);
}
