//! Serial lines, from threads: all checks but those of what a line is not.
//!
//! * A sender on a line waits as its writer does, also on the foreground's thread, where a chip
//!   never is, and has no policies: so no `b05_a_full_link_gives_back`, no
//!   `b05_the_foreground_never_waits_for_itself`, no `fairness_a_flood_starves_nobody` (it
//!   starts a sender there, on a link that is full), and none of `overflow`.
//! * A chip has no memory for messages of any size: so not the sizes of `b06`. The crate has
//!   tests of its own for the limit of a line.
//! * A port is used once in a run, and a line has 256: so no
//!   `b09_a_late_message_never_finds_another_pipe`, which makes 400.
//! * B3 is that of a lossless line here. What it is on a line that loses something, the
//!   crate's own tests show.
#![cfg(unix)]

mod rigs;

mod serial {
    use super::rigs::serial::SerialLines;

    macro_rules! suite {
        ($name:ident, $home:ty) => {
            mod $name {
                use super::*;
                homing_conformance::__tests! { SerialLines, $home;
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
                        b05_a_full_link_makes_send_wait
                        b05_the_foreground_may_send
                        b07_senders_learn_that_the_router_has_stopped
                        b07_a_waiting_sender_learns_that_the_router_has_stopped
                        b07_a_waiting_sender_learns_that_the_router_is_gone
                    }
                    router {
                        b08_a_router_that_does_not_run_says_so
                        b08_a_router_starts_once
                        b08_a_router_starts_again
                        b08_a_router_counts
                        b09_late_messages_are_discarded
                        b09_a_pipe_is_closed_once
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
            }
        };
    }

    suite!(watched, homing_conformance::Watched);
    suite!(pinged, homing_conformance::Pinged);
}
