//! The lists of checks, and what is made of them.
//!
//! Each check is named once, in one of the lists here. A list is a macro that hands its names
//! to another one, which makes tests, trials or plain names of them.

/// One check of a suite, for one rig: what [`event_loop_checks!`](crate::event_loop_checks) and
/// [`pingee_checks!`](crate::pingee_checks) list.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Check {
    /// Its group and its name.
    pub name: &'static str,
    /// Runs it. It panics when the behaviour does not hold.
    pub run: fn(),
    /// Whether this instance of the suite excepts it: it is then reported as ignored, not run.
    pub excepted: bool,
}

impl Check {
    /// For the macros.
    #[doc(hidden)]
    pub const fn new(name: &'static str, run: fn(), excepted: bool) -> Self {
        Self { name, run, excepted }
    }
}

/// The checks of senders and of the router, with one transport and one event loop.
#[doc(hidden)]
#[macro_export]
macro_rules! __transport_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            sender {
                b01_an_initial_sender_neither_sends_nor_stops
                b01_a_sender_starts_once
                b01_a_sender_stops_once
                b02_a_scope_starts_and_stops
                b02_a_scope_fails_on_an_error
                b02_a_failure_is_told
                b02_a_dropped_sender_is_told
                b02_a_panic_is_told
                b02_a_panic_without_words_is_told
                b02_a_caught_panic_harms_no_sender
                b02_a_sender_that_never_started_is_lost
                b03_a_message_that_was_sent_needs_no_help
                b04_many_pipes_keep_their_order
                b04_send_all_keeps_the_order
                b04_types_share_a_link
                b05_a_full_link_gives_back
                b05_a_full_link_makes_no_try_stop_wait
                b05_a_full_link_makes_send_wait
                b05_the_foreground_never_waits_for_itself
                b05_the_foreground_may_send
                b06_any_size_under_the_limit_arrives
                b06_a_large_message_comes_back_whole_or_arrives_whole
                b06_a_message_over_the_limit_is_refused
                b07_senders_learn_that_the_router_has_stopped
                b07_a_waiting_sender_learns_that_the_router_has_stopped
                b07_a_waiting_sender_learns_that_the_router_is_gone
                b18_what_does_not_decode_is_refused
                b19_a_checked_pipe_goes_on
                overflow_give_back
                overflow_drop_newest
                overflow_drop_oldest
                overflow_latest_wins
                overflow_latest_wins_is_live
                overflow_policies_share_a_link
            }
            router {
                b08_a_router_that_does_not_run_says_so
                b08_a_router_starts_once
                b08_a_router_starts_again
                b08_a_router_counts
                b09_late_messages_are_discarded
                b09_a_pipe_is_closed_once
                b09_a_late_message_never_finds_another_pipe
                b10_stop_warns_of_open_pipes
                b10_stop_without_open_pipes_is_quiet
                b10_a_dropped_router_stops
                b11_a_handler_makes_pipes
                b11_a_handler_closes_its_own_pipe
                b11_a_handler_closes_another_pipe
                b11_a_handler_stops_the_router
                b11_a_handler_stops_at_the_end
                b11_a_handler_that_panics_leaves_the_router_usable
                b11_a_handler_that_dispatches_is_not_called_again
                b12_routes_until_the_condition_holds
                b12_unlinks_for_good
                b12_a_timeout_of_zero_routes_what_is_queued
                b12_a_timeout_is_an_error
                b12_a_flood_cannot_defeat_the_timeout
                b12_nobody_left_is_an_error
                b12_a_full_mailbox_is_an_error
                b12_a_handler_stops_a_router_that_is_driven_by_hand
                b12_wakes_for_each_message
                b13_each_pipe_ends_once
                b13_a_link_outlives_its_pipes
                b13_a_mailbox_ends_once
                b16_no_wake_up_is_lost
                fairness_a_flood_starves_nobody
                fairness_links_take_turns
                fairness_a_budget_is_kept
                fairness_what_a_budget_left_is_handled
                mailbox_makes_senders_wait
                mailbox_closes_its_pipe
                mailbox_outlives_its_router
                mailbox_of_the_latest
                mailbox_that_drops
                stream_yields_messages_then_the_end
                stream_ends_with_its_router
            }
        }
    };
}

/// The checks of an inlet, without a router.
#[doc(hidden)]
#[macro_export]
macro_rules! __inlet_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            inlet {
                b04_arrivals_keep_their_order
                b05_poll_never_waits
                b07_senders_learn_that_the_inlet_is_gone
                b13_one_end_per_pipe_after_its_last_message
                b13_the_link_ends_after_all_that_was_handed_over
                b16_a_message_wakes_a_sleeping_link
                b18_one_poll_does_bounded_work
                b19_a_claim_comes_first
                b19_a_claim_says_its_type
                overflow_what_was_dropped_is_reported
            }
        }
    };
}

/// The checks of a pingee.
#[doc(hidden)]
#[macro_export]
macro_rules! __pingee_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            pingee {
                b14_a_ping_calls_on_the_loops_thread
                b14_a_ping_before_the_loop_runs_counts
                b14_pings_merge
                b14_pings_from_many_threads_lose_nothing
                b14_a_callback_may_ping
                b15_a_ping_to_a_dropped_pingee_does_nothing
                b15_a_ping_to_a_loop_that_is_gone_does_nothing
                b15_the_callback_is_dropped_with_the_pingee
                b15_a_callback_may_drop_its_own_pingee
                b16_no_ping_is_lost
                b16_no_ping_is_lost_under_load
            }
        }
    };
}

/// The checks of worker processes, with one event loop.
#[doc(hidden)]
#[macro_export]
macro_rules! __process_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            process {
                b04_a_pool_of_processes
                b05_a_workers_mailbox_makes_it_wait
                b10_no_worker_is_left
                b10_a_program_that_is_not_there
                b12_routing_by_hand_ends_with_the_last_worker
                b13_a_worker_finishes
                b13_a_worker_that_exits_is_lost
                b13_a_worker_that_panics_says_so
                b13_a_worker_that_never_starts_is_lost
                b13_all_pipes_end_with_their_worker
                b17_a_killed_worker_loses_nothing
                b17_a_killed_worker_tears_nothing
                b17_what_a_killed_worker_left_is_kept
                b18_hostile_bytes_are_cut_off
                b18_half_a_message_is_never_delivered
                b18_nothing_follows_an_end
                b18_decoding_is_bounded
                b18_what_does_not_decode_is_named
                b18_a_sender_hears_that_its_message_is_too_deep
                b19_a_wrong_claim_is_cut_off
                b19_a_ticket_is_good_once
                b19_a_late_claim_is_no_crime
                b19_a_worker_of_another_type_is_cut_off
                overflow_drop_newest
                overflow_drop_oldest
                overflow_latest_wins
                overflow_give_back
            }
        }
    };
}

/// The checks of the way back.
#[doc(hidden)]
#[macro_export]
macro_rules! __duplex_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            duplex {
                b07_receivers_learn_that_the_router_has_stopped
                b09_close_is_seen_by_a_sender
                b09_close_wakes_a_receiver
                b10_a_shutdown_asks_first
                b23_commands_keep_their_order
                b24_a_killed_worker_leaves_its_commands
                b24_both_ways_may_be_full
                b24_many_pipes_get_their_own
                b24_untaken_commands_are_counted
                b25_cancel_is_seen_by_a_look
                b25_cancel_may_come_first
                b25_cancel_wakes_a_receiver
                b25_cancel_wakes_a_sender
                b26_a_question_ends_with_its_pipe
                b26_a_question_gets_its_answer
                b26_a_question_has_a_deadline
                b27_a_worker_that_does_not_read_costs_its_bound
                b28_a_dropped_future_loses_nothing
                b28_a_task_answers
                b28_a_task_receives_in_order
                b28_both_ways_may_be_full
                b28_cancel_wakes_a_task_that_receives
                b28_cancel_wakes_a_task_that_sends
                b28_close_wakes_a_task_that_receives
                b28_close_wakes_a_task_that_sends
                b28_tasks_learn_that_the_router_has_stopped
            }
        }
    };
}

/// The checks of worker processes that bring their own event loop.
#[doc(hidden)]
#[macro_export]
macro_rules! __foreground_checks {
    ($then:ident $($with:tt)*) => {
        $crate::$then! { $($with)*;
            process {
                b07_a_worker_learns_that_its_foreground_was_killed
                b20_a_worker_ends_with_its_foreground
            }
        }
    };
}

/// Makes a test of each check: those that are excepted are ignored, and so reported.
///
/// `$types` and `$arguments` are what each check is called with. The words of `$except` are
/// the suite and the names of its checks that are excepted.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($types:tt $arguments:tt $except:tt; $($group:ident { $($check:ident)* })*) => {
        $crate::__define_pick! { ($) $except }
        $(
            mod $group {
                #[allow(unused_imports)]
                use super::*;
                $($crate::__test! { $group $check $types $arguments })*
            }
        )*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ($group:ident $check:ident $types:tt $arguments:tt) => {
        __pick! { $check
            {
                #[test]
                #[ignore = "excepted by this instance of the suite"]
                fn $check() {
                    $crate::__call! { $group $check $types $arguments }
                }
            }
            {
                #[test]
                fn $check() {
                    $crate::__call! { $group $check $types $arguments }
                }
            }
        }
    };
}

/// Makes a `Vec<Check>` of the checks.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    ($types:tt $arguments:tt $except:tt; $($group:ident { $($check:ident)* })*) => {{
        $crate::__define_pick! { ($) $except }
        ::std::vec::Vec::from([$($(
            $crate::Check::new(
                concat!(stringify!($group), "::", stringify!($check)),
                || $crate::__call! { $group $check $types $arguments },
                __pick! { $check { true } { false } },
            ),
        )*)*])
    }};
}

/// Makes a `&[&str]` of the names.
#[doc(hidden)]
#[macro_export]
macro_rules! __names {
    (; $($group:ident { $($check:ident)* })*) => {
        &[$($(concat!(stringify!($group), "::", stringify!($check)),)*)*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __call {
    ($group:ident $check:ident [$($type:ty),*] ($($argument:expr),*)) => {
        $crate::$group::$check::<$($type),*>($($argument),*)
    };
}

/// Defines `__pick!`, which takes a check's name and two pieces of code: it expands to the
/// first where the check is excepted, and to the second otherwise.
///
/// `$d` is a dollar sign, which a macro that defines one cannot write.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_pick {
    (($d:tt) [$suite:ident: $($excepted:ident)*]) => {
        // A name that is no check of this suite does not compile.
        const _: () = {
            $(
                #[allow(unused_imports)]
                use $crate::checks::$suite::$excepted as _;
            )*
        };
        #[allow(unused_macros)]
        macro_rules! __pick {
            $(($excepted { $d($d yes:tt)* } { $d($d no:tt)* }) => { $d($d yes)* };)*
            ($d check:ident { $d($d yes:tt)* } { $d($d no:tt)* }) => { $d($d no)* };
        }
    };
}

/// The checks by suite, for `except`.
#[doc(hidden)]
pub mod transport {
    pub use crate::router::*;
    pub use crate::sender::*;
}

#[doc(hidden)]
pub use crate::{duplex, inlet, pingee};

#[cfg(unix)]
#[doc(hidden)]
pub use crate::process;

/// The names of all checks, by suite: what `docs/guarantees.md` is held to.
pub mod names {
    /// `transport_suite!` and `event_loop_suite!`.
    pub const TRANSPORT: &[&str] = __transport_checks! { __names };

    /// `inlet_suite!`.
    pub const INLET: &[&str] = __inlet_checks! { __names };

    /// `pingee_suite!`.
    pub const PINGEE: &[&str] = __pingee_checks! { __names };

    /// `duplex_suite!` and `duplex_process_suite!`.
    pub const DUPLEX: &[&str] = __duplex_checks! { __names };

    /// `process_suite!`: with each event loop, and with its own.
    pub const PROCESS: [&[&str]; 2] =
        [__process_checks! { __names }, __foreground_checks! { __names }];

    /// Checks that count what the whole process has, which no macro makes a test of.
    pub const ALONE: &[&str] = &[
        "router::b10_nothing_is_left",
        "process::b20_nothing_is_left_of_workers",
        "duplex::b10_nothing_is_left_of_duplex_pipes",
        "duplex::b20_nothing_is_left_of_killed_receivers",
    ];
}
