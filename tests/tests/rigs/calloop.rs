//! calloop, as the suite drives it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use calloop::EventLoop;
use calloop::ping::{Ping, PingSource, make_ping};
use homing::calloop::CalloopBinding;
use homing_conformance::{EventLoopRig, WakeFn};
use homing_router::{LoopBinding, Router};

/// A loop is of the type of its data, which a rig learns with the first turn.
pub struct Calloop {
    home: Cell<Option<CalloopBinding>>,
    nudge: RefCell<(Ping, Option<PingSource>)>,
    event_loop: RefCell<Option<Box<dyn Any>>>,
}

impl EventLoopRig for Calloop {
    fn new() -> Self {
        let (ping, source) = make_ping().unwrap();
        Self {
            home: Cell::default(),
            nudge: RefCell::new((ping, Some(source))),
            event_loop: RefCell::default(),
        }
    }

    fn binding(&self) -> LoopBinding {
        // A check that joins another router has dropped the one before.
        if self.event_loop.take().is_some() {
            let (ping, source) = make_ping().unwrap();
            *self.nudge.borrow_mut() = (ping, Some(source));
        }
        let home = CalloopBinding::new().unwrap();
        let joined = LoopBinding::from(&home);
        self.home.set(Some(home));
        joined
    }

    fn wake_fn(&self) -> WakeFn {
        let ping = self.nudge.borrow().0.clone();
        Arc::new(move || ping.ping())
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        let event_loop = self.event_loop.get_mut().get_or_insert_with(|| {
            let event_loop: EventLoop<'static, C> = EventLoop::try_new().unwrap();
            let handle = event_loop.handle();
            let router = self.home.take().unwrap().into_source(router);
            handle.insert_source(router, |(), router, app| router.dispatch(app)).unwrap();
            let nudge = self.nudge.get_mut().1.take().unwrap();
            handle.insert_source(nudge, |(), (), _| {}).unwrap();
            Box::new(event_loop)
        });
        let event_loop: &mut EventLoop<'static, C> = event_loop.downcast_mut().unwrap();
        event_loop.dispatch(most, app).unwrap();
    }
}
