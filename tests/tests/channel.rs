//! The channel, between threads. Messages move as values, so they have no length to limit.

mod rigs;

homing_conformance::transport_suite!(
    channel,
    rigs::Channels,
    except: [b06_a_message_over_the_limit_is_refused]
);
