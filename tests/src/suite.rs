//! The macros that instantiate the checks as tests.

/// Instantiates checks, one test each.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($rig:ty, $home:ty; $($group:ident { $($check:ident)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[test]
                    fn $check() {
                        $crate::$group::$check::<$rig, $home>();
                    }
                )*
            }
        )*
    };
    ($rig:ty; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::pingee::$check::<$rig>();
            }
        )*
    };
}

/// Lists checks, by name.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    ($rig:ty, $home:ty; $($group:ident { $($check:ident)* })*) => {{
        let checks: &[(&str, fn())] = &[$($(
            (
                concat!(stringify!($group), "::", stringify!($check)),
                $crate::$group::$check::<$rig, $home>,
            ),
        )*)*];
        checks
    }};
    ($rig:ty; $($check:ident)*) => {{
        let checks: &[(&str, fn())] =
            &[$((stringify!($check), $crate::pingee::$check::<$rig>),)*];
        checks
    }};
}

/// `transport_suite!(name, Rig)` makes tests of all checks of senders and of the router with
/// one [`TransportRig`](crate::TransportRig): with a loop that watches doorbells, and with one
/// that is pinged.
#[macro_export]
macro_rules! transport_suite {
    ($name:ident, $rig:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::event_loop_suite!(watched, $rig, $crate::Watched);
            $crate::event_loop_suite!(pinged, $rig, $crate::Pinged);
        }
    };
}

/// `event_loop_suite!(name, Rig, LoopBinding)` makes tests of all checks of senders and of the router with
/// one [`TransportRig`](crate::TransportRig) and one [`EventLoopRig`](crate::EventLoopRig).
#[macro_export]
macro_rules! event_loop_suite {
    ($name:ident, $rig:ty, $home:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__transport_checks! { __tests, $rig, $home }
        }
    };
}

/// `event_loop_checks!(Rig, LoopBinding)` is what [`event_loop_suite!`](crate::event_loop_suite) makes tests of: a
/// `&[(&str, fn())]`, the name of each check and what runs it. For a loop that must be on the
/// main thread, in a test binary that has a main function (`harness = false`).
#[macro_export]
macro_rules! event_loop_checks {
    ($rig:ty, $home:ty) => {
        $crate::__transport_checks! { __list, $rig, $home }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __transport_checks {
    ($what:ident, $rig:ty, $home:ty) => {
        $crate::$what! { $rig, $home;
            sender {
                b01_an_initial_sender_neither_sends_nor_stops
                b01_a_sender_starts_once
                b01_a_sender_stops_once
                b02_a_scope_starts_and_stops
                b02_a_scope_stops_on_an_early_way_out
                b02_a_dropped_sender_stops
                b02_a_panic_is_told
                b02_a_caught_panic_harms_no_sender
                b02_a_sender_that_never_started_is_lost
                b03_a_message_that_was_sent_needs_no_help
                b04_many_pipes_keep_their_order
                b04_send_all_keeps_the_order
                b04_types_share_a_link
                b05_a_full_link_gives_back
                b05_a_full_link_makes_send_wait
                b05_the_foreground_never_waits_for_itself
                b05_the_foreground_may_send
                b06_any_size_under_the_limit_arrives
                b06_a_large_message_comes_back_whole_or_arrives_whole
                b06_a_message_over_the_limit_is_refused
                b07_senders_learn_that_the_router_has_stopped
                b07_a_waiting_sender_learns_that_the_router_has_stopped
                b07_a_waiting_sender_learns_that_the_router_is_gone
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
                b11_a_handler_cannot_dispatch
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

/// `pingee_suite!(name, Rig)` makes tests of all checks of pingees with one
/// [`PingeeRig`](crate::PingeeRig).
#[macro_export]
macro_rules! pingee_suite {
    ($name:ident, $rig:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__pingee_checks! { __tests, $rig }
        }
    };
}

/// `pingee_checks!(Rig)` is what [`pingee_suite!`](crate::pingee_suite) makes tests of: a
/// `&[(&str, fn())]`, as [`event_loop_checks!`](crate::event_loop_checks) is.
#[macro_export]
macro_rules! pingee_checks {
    ($rig:ty) => {
        $crate::__pingee_checks! { __list, $rig }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __pingee_checks {
    ($what:ident, $rig:ty) => {
        $crate::$what! { $rig;
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
    };
}

/// `process_suite!(name, Rig)` makes tests of all checks of worker processes with one
/// [`ProcessRig`](crate::process::ProcessRig): with a loop that watches doorbells, and with one
/// that is pinged. Unix only.
///
/// One of the tests is the worker program: the test binary starts itself again to run it.
#[macro_export]
macro_rules! process_suite {
    ($name:ident, $rig:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            const PROGRAM: $crate::process::Program =
                $crate::process::Program::new(concat!(module_path!(), "::worker_program"));

            #[test]
            fn worker_program() {
                $crate::process::play::<$rig>();
            }

            #[test]
            fn b07_a_worker_learns_that_its_foreground_was_killed() {
                $crate::process::b07_a_worker_learns_that_its_foreground_was_killed::<$rig>(
                    PROGRAM,
                );
            }

            $crate::process_suite! { @ watched, $rig, $crate::Watched }
            $crate::process_suite! { @ pinged, $rig, $crate::Pinged }
        }
    };
    (@ $name:ident, $rig:ty, $home:ty) => {
        $crate::process_suite! { @ $name, $rig, $home;
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
            b19_a_wrong_claim_is_cut_off
            b19_a_ticket_is_good_once
            b19_a_late_claim_is_no_crime
        }
    };
    (@ $name:ident, $rig:ty, $home:ty; $($check:ident)*) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::process::$check::<$rig, $home>(PROGRAM);
                }
            )*
        }
    };
}
