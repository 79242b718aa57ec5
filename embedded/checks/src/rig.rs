//! A router with one link, whose receivers only write down what they are told.

use heapless::Vec;
use homing_core::wake::PollPingee;
use homing_core::{
    Authorize, ConnectionId, End, FixedRouter, LinkId, Overflow, Polled, Router, Undecodable,
};
use homing_transport_static::{
    Element, Encode, StaticFactory, StaticInlet, StaticLink, StaticSender,
};

use crate::Failed;

/// A receiver: the name of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct To(pub(crate) u8);

impl Authorize for To {}

/// What a receiver was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    Message(u32),
    Ended(End),
}

pub(crate) type Heard = Vec<(u8, Observed), 32>;

/// Rung by the links of all checks. They run one after another on a chip, but tests may not:
/// only a check with a bell of its own may look at it.
static BELL: PollPingee = PollPingee::new();

pub(crate) struct Rig<C: Element> {
    pub(crate) router: FixedRouter<StaticInlet<C>, To, 2, 4>,
    pub(crate) factory: StaticFactory<C>,
    pub(crate) link: LinkId,
    pub(crate) heard: Heard,
}

impl<C: Encode<u32>> Rig<C> {
    pub(crate) fn new<const N: usize>(link: &'static StaticLink<C, N>) -> Result<Self, Failed> {
        let (factory, inlet) = done(link.split(&BELL))?;
        let mut router = Router::fixed();
        done(router.start())?;
        let link = done(router.attach(inlet))?;
        Ok(Self { router, factory, link, heard: Heard::new() })
    }

    /// Makes a pipe, and its sender.
    pub(crate) fn pipe(
        &mut self,
        name: u8,
    ) -> Result<(ConnectionId, StaticSender<u32, C>), Failed> {
        let pipe = done(self.router.trusted_pipe(self.link, To(name)))?;
        Ok((pipe, done(self.factory.sender(pipe, Overflow::GiveBack))?))
    }

    /// Makes a pipe, and its sender, and starts that.
    pub(crate) fn started(
        &mut self,
        name: u8,
    ) -> Result<(ConnectionId, StaticSender<u32, C>), Failed> {
        let (pipe, mut sender) = self.pipe(name)?;
        done(sender.start())?;
        Ok((pipe, sender))
    }

    /// Routes all that has arrived, and writes it down. Returns whether the link has ended.
    pub(crate) fn drain(&mut self) -> bool {
        loop {
            let heard = &mut self.heard;
            let polled = self.router.poll_with(self.link, |to, payload| {
                let message = C::decode(payload)?;
                heard.push((to.0, Observed::Message(message))).map_err(|_| Undecodable::default())
            });
            match polled {
                Polled::Empty => return false,
                Polled::LinkEnded(_) => return true,
                Polled::Ended(lent, end) => {
                    // A check that hears so much fails by what is missing.
                    let _ = self.heard.push((lent.receiver.0, Observed::Ended(end)));
                }
                _ => {}
            }
        }
    }
}

/// What was expected to go well.
#[track_caller]
pub(crate) fn done<T, E>(result: Result<T, E>) -> Result<T, Failed> {
    let line = core::panic::Location::caller().line();
    result.map_err(|_| Failed { what: "this goes well", line })
}
