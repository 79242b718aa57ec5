//! Serial lines, from threads: all checks but those of what a line is not.
//!
//! * A sender on a line waits as its writer does, also on the foreground's thread, where a chip
//!   never is, and has no policies: so no `b05_a_full_link_gives_back`, no
//!   `b05_a_full_link_makes_no_try_stop_wait`, no
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

homing_conformance::transport_suite!(
    serial,
    rigs::serial::SerialLines,
    except: [
        b05_a_full_link_gives_back,
        b05_a_full_link_makes_no_try_stop_wait,
        b05_the_foreground_never_waits_for_itself,
        b06_any_size_under_the_limit_arrives,
        b06_a_large_message_comes_back_whole_or_arrives_whole,
        b06_a_message_over_the_limit_is_refused,
        b09_a_late_message_never_finds_another_pipe,
        fairness_a_flood_starves_nobody,
        overflow_give_back,
        overflow_drop_newest,
        overflow_drop_oldest,
        overflow_latest_wins,
        overflow_latest_wins_is_live,
        overflow_policies_share_a_link,
    ]
);
