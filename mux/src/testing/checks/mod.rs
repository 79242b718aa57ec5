//! The checks of the suite, each a function of a [`SinkRig`].
//!
//! On a link whose writes wait for space, as OS pipes do on Windows, no check can run that
//! fills it; [`sink_suite!`](crate::sink_suite) has a form for those.

#![allow(missing_docs, reason = "a check's name says what it checks")]

pub mod adopted;
pub mod batches;
pub mod disconnect;
pub mod encoding;
pub mod foreground;
pub mod hostile;
pub mod large;
pub mod order;
pub mod overflow;
pub mod reserve;
pub mod tasks;

use std::time::Duration;

use homing_core::{ConnectionId, End, LinkEnd, Overflow};

use serde_bytes::ByteBuf;

use super::{Got, SinkRig, fill, filled, frame, initial, sender, ticket};
use crate::frame::DEFAULT_LIMIT;
