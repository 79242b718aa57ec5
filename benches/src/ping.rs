//! What a ping costs when one is on its way already.

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use homing::std_loop::EventLoop;
use homing::{LinkWaker, Pingee as _, Pinger, Router, Transport};
use homing_core::{Arrival, Inlet, LinkEnd, NewLink};

use crate::measure::{nanos_each, side_by_side};
use crate::row::{Figure, Goal, Row, Settings};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "ping-merged", unit: "ns", goal: Goal::AtMost(10.0), measure: link_waker },
    Row { name: "ping-merged-std", unit: "ns", goal: Goal::AtMost(10.0), measure: std_pinger },
];

/// A link's waker, which its transport pings.
fn link_waker(settings: &Settings) -> anyhow::Result<Figure> {
    let event_loop = EventLoop::new()?;
    let router: Router<()> = Router::new(&event_loop);
    router.start()?;
    let taken = Rc::new(Cell::new(None));
    let _link = router.link(TakeWaker(Rc::clone(&taken)))?;
    merged(settings, &taken.take().context("the link has no waker")?)
}

/// The pinger of a pingee of the std loop.
fn std_pinger(settings: &Settings) -> anyhow::Result<Figure> {
    let event_loop = EventLoop::new()?;
    let pingee = event_loop.pingee(|| {});
    merged(settings, &pingee.pinger())
}

fn merged(settings: &Settings, pinger: &dyn Pinger) -> anyhow::Result<Figure> {
    let pings = settings.pick(5_000_000, 1_000_000);
    let flag = AtomicBool::new(false);
    pinger.ping();
    let timed = |ping: &dyn Fn()| {
        let begin = Instant::now();
        for _ in 0..pings {
            ping();
        }
        Ok(nanos_each(pings, begin.elapsed()))
    };
    side_by_side(
        settings,
        || timed(&|| black_box(pinger).ping()),
        || {
            timed(&|| {
                black_box(&flag).swap(true, Ordering::AcqRel);
            })
        },
    )
}

/// A transport that gives away its waker, and whose link is silent.
struct TakeWaker(Rc<Cell<Option<LinkWaker>>>);

impl Transport<LinkWaker> for TakeWaker {
    type Factory = ();
    type Inlet = Silent;
    type Doorbell = ();
    type Error = Infallible;

    fn link(&mut self, waker: LinkWaker) -> Result<NewLink<(), Silent, ()>, Infallible> {
        self.0.set(Some(waker));
        Ok(NewLink { factory: (), inlet: Silent, doorbell: () })
    }
}

struct Silent;

impl Inlet for Silent {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(None)
    }
}
