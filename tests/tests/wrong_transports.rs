//! The suites catch transports that are wrong: each is a right one with one fault, and a check
//! of a public suite fails for it, which passes for the right one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod rigs;
mod wrong;

use homing_conformance::{Watched, deadline, inlet, router, sender, with_deadline};
use rigs::{Channels, Pipes};
use wrong::{Fault, Right, WrongRig};

/// Tests that a check fails for a transport with this fault, and says why, and that it passes
/// for the same transport without the fault.
macro_rules! caught {
    ($($name:ident: $fault:ident of $base:ty,
        by $group:ident::$check:ident[$($loop:ty)?], $says:literal;)*) => {
        $(
            mod $name {
                use super::*;

                struct Wrong;

                impl Fault for Wrong {
                    const $fault: bool = true;
                }

                #[test]
                #[should_panic(expected = $says)]
                fn is_caught() {
                    // What is known to be missing need not be waited for as long as what is
                    // late.
                    with_deadline(deadline() / 60, || {
                        $group::$check::<WrongRig<$base, Wrong> $(, $loop)?>();
                    });
                }

                #[test]
                fn is_all_that_is_caught() {
                    $group::$check::<WrongRig<$base, Right> $(, $loop)?>();
                }
            }
        )*
    };
}

caught! {
    reorders: REORDERS of Channels,
        by sender::b04_send_all_keeps_the_order[Watched], "left == right";
    swaps_two_in_a_thousand: SWAPS_SOME of Channels,
        by sender::b04_send_all_keeps_the_order[Watched], "left == right";
    swaps_two_in_a_thousand_of_its_inlet: SWAPS_SOME of Pipes,
        by inlet::b04_arrivals_keep_their_order[], "lost its order";
    holds_one_back: HOLDS_ONE_BACK of Channels,
        by sender::b03_a_message_that_was_sent_needs_no_help[Watched], "waited in vain";
    loses_one_in_a_thousand: LOSES_SOME of Channels,
        by sender::b04_send_all_keeps_the_order[Watched], "left == right";
    loses_one_in_a_thousand_of_its_inlet: LOSES_SOME of Pipes,
        by inlet::b04_arrivals_keep_their_order[], "lost its order";
    takes_latest_wins_for_drop_newest: LATEST_WINS_DROPS_NEWEST of Channels,
        by sender::overflow_latest_wins[Watched], "waited in vain";
    takes_latest_wins_of_bytes_for_drop_newest: LATEST_WINS_DROPS_NEWEST of Pipes,
        by sender::overflow_latest_wins[Watched], "waited in vain";
    drops_without_a_count: DROPS_SILENTLY of Pipes,
        by sender::overflow_drop_newest[Watched], "counters().dropped > 0";
    reports_no_drops: REPORTS_NO_DROPS of Pipes,
        by inlet::overflow_what_was_dropped_is_reported[], "left == right";
    misses_some_wake_ups: MISSES_SOME_WAKE_UPS of Channels,
        by router::b12_wakes_for_each_message[Watched], "called `Result::unwrap()`";
    misses_some_wake_ups_of_its_inlet: MISSES_SOME_WAKE_UPS of Channels,
        by inlet::b16_a_message_wakes_a_sleeping_link[], "waited in vain";
    takes_no_notice_of_a_foreground_that_is_gone: SENDS_TO_NO_FOREGROUND of Pipes,
        by sender::b07_senders_learn_that_the_router_has_stopped[Watched], "unwrap_err";
    takes_no_notice_of_an_inlet_that_is_gone: SENDS_TO_NO_FOREGROUND of Channels,
        by inlet::b07_senders_learn_that_the_inlet_is_gone[], "unwrap_err";
    ends_twice: ENDS_TWICE of Pipes,
        by inlet::b13_one_end_per_pipe_after_its_last_message[], "ends of pipe";
    ends_before_the_last_message: ENDS_EARLY of Pipes,
        by inlet::b13_one_end_per_pipe_after_its_last_message[], "follows the end of pipe";
    ends_before_the_last_message_of_a_router: ENDS_EARLY of Pipes,
        by sender::b02_a_panic_is_told[Watched], "left == right";
    forgets_what_was_queued_at_the_end: FORGETS_AT_THE_END of Pipes,
        by inlet::b13_the_link_ends_after_all_that_was_handed_over[], "not all of";
    waits_in_poll: WAITS_IN_POLL of Pipes,
        by inlet::b05_poll_never_waits[], "a worker hangs";
    takes_a_message_in_one_poll: TAKES_WHOLE_MESSAGES of Pipes,
        by inlet::b18_one_poll_does_bounded_work[], "bytes came in";
    claims_after_the_first_message: CLAIMS_LATE of Pipes,
        by inlet::b19_a_claim_comes_first[], "left == right";
    waits_in_try_stop: WAITS_IN_TRY_STOP of Pipes,
        by sender::b05_a_full_link_makes_no_try_stop_wait[Watched], "a worker hangs";
}

/// A worker process that is killed loses the last message.
#[cfg(unix)]
mod loses_the_last_at_a_kill {
    use homing_conformance::process::{self, Program};
    use homing_conformance::{Watched, deadline, with_deadline};

    use super::wrong::LateFlush;

    const PROGRAM: Program = Program::new(concat!(module_path!(), "::worker_program"));

    #[test]
    fn worker_program() {
        process::play::<LateFlush>();
    }

    #[test]
    #[should_panic(expected = "sends have returned")]
    fn is_caught() {
        with_deadline(deadline() / 2, || {
            process::b17_a_killed_worker_loses_nothing::<LateFlush, Watched>(PROGRAM);
        });
    }
}
