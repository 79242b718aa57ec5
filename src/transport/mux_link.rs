//! A sink of one's own in a worker process.

use std::fmt;

use homing_core::{Blocking, CloseReason, Disconnected, Outlet, SendErrorKind, Ticket};
use homing_mux::{FrameSink, MuxHandle, MuxOutlet};
use homing_process::{AdoptedLink, EncodedOutlet};
use serde::ser::{Serialize, SerializeTuple as _, Serializer};

/// The worker's end of a link over a [`FrameSink`] of one's own, to be
/// [registered](crate::worker::register). With it a transport need not implement
/// [`EncodedOutlet`]: the multiplexer does, with all overflow policies.
///
/// ```no_run
/// # use homing::transport::{FrameSink, OwnedHandle};
/// use homing::transport::{MuxConfig, MuxHandle, MuxLink};
///
/// # fn f<MySink: FrameSink>(open: fn(Vec<OwnedHandle>) -> std::io::Result<MySink>) {
/// homing::worker::register("mine", move |handles, limit| {
///     let sink = open(handles)?;
///     let handle = MuxHandle::new(sink, MuxConfig::new().limit(limit));
///     handle.open(); // the foreground learns that the worker has taken its link
///     Ok(MuxLink(handle))
/// })
/// .expect("nothing else has this name");
/// # }
/// ```
pub struct MuxLink<S: FrameSink>(pub MuxHandle<S>);

impl<S: FrameSink> AdoptedLink for MuxLink<S> {
    fn outlet(&self, ticket: Ticket<()>) -> Box<dyn EncodedOutlet> {
        Box::new(MuxEnd(self.0.outlet(&ticket)))
    }
}

impl<S: FrameSink> fmt::Debug for MuxLink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MuxLink").finish_non_exhaustive()
    }
}

/// The worker's end of one pipe.
struct MuxEnd<S: FrameSink>(MuxOutlet<S>);

impl<S: FrameSink> EncodedOutlet for MuxEnd<S> {
    fn open(&mut self) -> Result<(), Disconnected> {
        Outlet::<Encoded<'_>>::open(&mut self.0)
    }

    fn put(&mut self, encoded: &[u8], blocking: Blocking) -> Result<u64, SendErrorKind> {
        self.0.put(Encoded(encoded), blocking).map_err(|error| error.kind())
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        Outlet::<Encoded<'_>>::close(&mut self.0, reason)
    }
}

/// A message that is encoded already. As a tuple of bytes it is written as it is: postcard
/// writes no length before a tuple.
struct Encoded<'a>(&'a [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}
