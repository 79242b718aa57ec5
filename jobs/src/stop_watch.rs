//! Learns that the router stops while no worker is there whose pipe would tell.

use homing_core::{End, Event};
use homing_router::Link;
use homing_transport_channel::{Channel, ChannelFactory, Sender};

use crate::backend::Backend;
use crate::driver::Inner;
use crate::scheduler::Input;
use crate::state::Detail;

/// A pipe that nothing is sent on. Dropped, it ends, which nothing follows from.
pub(crate) struct StopWatch<C: 'static> {
    _sender: Sender<()>,
    _link: Link<C, ChannelFactory>,
}

impl<C: 'static, K: Backend> Inner<C, K> {
    /// Has the pool told that the router stops, as long as jobs wait and there is no worker: while
    /// a start is delayed. Returns whether the router has stopped already.
    pub(crate) fn watch_stop(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let is_needed = !state.tasks.is_empty() && state.members.is_empty();
        if is_needed == state.stop_watch.is_some() {
            return false;
        }
        let before = state.stop_watch.take();
        drop(state);
        drop(before);
        if !is_needed {
            return false;
        }
        let watch = self.make_stop_watch();
        let mut state = self.state.borrow_mut();
        if watch.is_none() {
            state.inputs.push_back((Input::Abort, Detail::Nothing));
            return true;
        }
        state.stop_watch = watch;
        false
    }

    /// `None` when the router has stopped.
    fn make_stop_watch(&self) -> Option<StopWatch<C>> {
        let link = self.router.link(Channel::new()).ok()?;
        let this = self.this.clone();
        let on_end = move |context: &mut C, event: Event<()>| {
            // Only a router that stops closes it.
            if let (Event::Ended(End::Closed), Some(pool)) = (event, this.upgrade()) {
                pool.take_in(Input::Abort, Detail::Nothing);
                pool.tellings.flush(context);
            }
        };
        let (sender, _) = link.pipe(on_end).ok()?;
        Some(StopWatch { _sender: sender, _link: link })
    }
}
