//! What is known of a panic while it unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use homing_core::Panic;

/// Calls `work`, and returns what a destructor on its way out knows of its panic.
fn seen_by_a_destructor(work: impl FnOnce()) -> Option<Panic> {
    struct Witness<'a>(&'a mut Option<Panic>);
    impl Drop for Witness<'_> {
        fn drop(&mut self) {
            *self.0 = homing_panic::current();
        }
    }

    let mut seen = None;
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _witness = Witness(&mut seen);
        work();
    }));
    seen
}

#[test]
fn a_panic_is_known_by_its_text_and_place() {
    homing_panic::install();
    assert_eq!(seen_by_a_destructor(|| {}), None);

    let panic = seen_by_a_destructor(|| panic!("plain")).unwrap();
    assert_eq!(panic.message, "plain");
    assert!(panic.location.as_str().starts_with(file!()), "{panic}");

    let panic = seen_by_a_destructor(|| panic!("index {} of {}", 7, 5)).unwrap();
    assert_eq!(panic.message, "index 7 of 5");

    let panic = seen_by_a_destructor(|| std::panic::panic_any(7)).unwrap();
    assert_eq!(panic.message, "a panic whose payload is no text");
}

#[test]
fn a_panic_of_another_thread_is_not_taken_for_ones_own() {
    homing_panic::install();
    thread::spawn(|| panic!("another thread's")).join().unwrap_err();
    let panic = seen_by_a_destructor(|| resume_unwind(Box::new("no hook runs"))).unwrap();
    assert_eq!(panic, Panic::default());
}

#[test]
fn installing_while_panicking_does_not_abort() {
    struct Installs;
    impl Drop for Installs {
        fn drop(&mut self) {
            homing_panic::install();
        }
    }
    catch_unwind(|| {
        let _installs = Installs;
        panic!("on purpose");
    })
    .unwrap_err();
}
