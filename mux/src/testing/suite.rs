//! The list of checks.

/// Runs the suite for sinks on a [`SinkRig`](crate::testing::SinkRig): each check becomes a
/// test. `sink_suite!(Rig, blocking)` leaves out the checks that fill a link, for a sink whose
/// writes wait.
#[macro_export]
macro_rules! sink_suite {
    ($rig:ty) => {
        $crate::sink_suite!($rig, blocking);
        $crate::sink_suite! { @tests $rig;
            batches: a_foreground_that_goes_is_told_once_and_counted_right;
            disconnect: every_policy_gives_the_message_back;
            disconnect: queued_messages_are_no_reason_to_wait_for_a_peer_that_is_gone;
            disconnect: a_sender_that_waits_gets_the_message_back;
            disconnect: a_foreground_that_goes_at_any_moment_blocks_no_sender;
            foreground: no_call_waits_on_a_full_link;
            foreground: pending_control_frames_outlive_the_last_sender;
            foreground: a_link_without_a_reader_takes_no_more_than_it_holds;
            large: any_size_up_to_the_limit_arrives;
            large: a_chosen_limit_is_kept;
            large: small_messages_pass_a_large_one;
            large: more_large_messages_than_may_be_on_their_way_take_turns;
            large: a_large_message_that_finds_no_space_in_the_middle_is_taken_back;
            overflow: wait_waits_and_loses_nothing;
            overflow: give_back_gives_back;
            overflow: drop_newest_drops_and_reports;
            overflow: what_was_dropped_last_is_reported_before_the_end;
            overflow: drop_newest_finishes_a_large_message_that_it_began;
            overflow: drop_oldest_keeps_the_newest_messages;
            overflow: latest_wins_delivers_the_newest_without_any_further_call;
            overflow: the_end_follows_queued_messages;
            overflow: queues_of_many_pipes_and_waiting_senders_get_on_together;
            reserve: a_message_that_is_dropped_was_never_sent;
            reserve: nothing_waits_where_nothing_may;
            reserve: a_foreground_that_goes_is_told;
            tasks: a_dropped_future_tears_nothing;
            tasks: a_leaked_future_keeps_the_order;
            tasks: a_task_of_the_foreground_waits;
            tasks: a_task_sends_messages_of_any_size_in_order;
            tasks: a_task_that_waits_learns_that_the_peer_is_gone;
            tasks: an_answer_waits_behind_messages;
            tasks: an_end_is_told_although_its_task_did_not_wait;
            tasks: ready_waits_for_space;
            tasks: tasks_and_threads_share_a_link;
        }
    };
    ($rig:ty, blocking) => {
        $crate::sink_suite! { @tests $rig;
            batches: all_arrive_in_order_among_those_of_others;
            batches: what_cannot_be_sent_comes_back_after_all_before_it;
            batches: what_was_taken_before_a_panic_arrives;
            batches: a_message_may_send_another_while_it_is_encoded;
            encoding: every_message_arrives_as_postcard_writes_it;
            foreground: a_link_without_any_sender_just_ends;
            hostile: violations_are_refused_with_a_reason;
            hostile: half_a_frame_is_never_delivered;
            hostile: a_large_message_that_is_cut_off_is_never_delivered;
            order: a_pipe_is_claimed_sends_in_order_and_ends;
            order: threads_that_share_a_link_tear_nothing;
            order: other_senders_come_and_go_while_one_sends;
            order: every_way_out_is_told;
            order: handles_may_go_to_other_threads;
            reserve: what_arrives_is_an_ordinary_message;
        }
    };
    (@tests $rig:ty; $($module:ident: $check:ident;)*) => {$(
        #[test]
        fn $check() {
            $crate::testing::checks::$module::$check::<$rig>();
        }
    )*};
}
