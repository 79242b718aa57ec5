//! What an idle pipe takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use homing::Router;
use homing::channel::Channel;
use homing::std_loop::EventLoop;

use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::Tally;

pub(crate) const ROWS: &[Row] =
    &[Row { name: "memory-idle-pipe", unit: "B", goal: Goal::AtMost(256.0), measure: idle_pipe }];

/// All that one open pipe of a channel takes, its sender included, when many share a link.
fn idle_pipe(_: &Settings) -> anyhow::Result<Figure> {
    const PIPES: usize = 10_000;
    let event_loop = EventLoop::new()?;
    let router: Router<Tally> = Router::new(&event_loop);
    router.start()?;
    let link = router.link(Channel::new())?;
    // The first one makes the lane that all share.
    let (_first, _) = link.pipe(Tally::hear)?;
    let before = Counting::begin();
    let mut senders = Vec::with_capacity(PIPES);
    for _ in 0..PIPES {
        let (mut sender, _) = link.pipe(Tally::hear)?;
        sender.start()?;
        senders.push(sender);
    }
    let taken = Counting::end() - before;
    drop(senders);
    Ok(Figure::alone(taken as f64 / PIPES as f64))
}

/// The system's allocator, which counts what is in use while it is asked to.
pub(crate) struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

impl Counting {
    pub(crate) fn begin() -> isize {
        COUNTING.store(true, Ordering::Relaxed);
        let in_use = IN_USE.load(Ordering::Relaxed);
        PEAK.store(in_use, Ordering::Relaxed);
        in_use
    }

    pub(crate) fn end() -> isize {
        COUNTING.store(false, Ordering::Relaxed);
        IN_USE.load(Ordering::Relaxed)
    }

    /// The most that was in use since it began.
    pub(crate) fn peak() -> isize {
        PEAK.load(Ordering::Relaxed)
    }

    #[inline]
    fn change(by: isize) {
        // Other figures pay for a load only.
        if COUNTING.load(Ordering::Relaxed) {
            let in_use = IN_USE.fetch_add(by, Ordering::Relaxed) + by;
            PEAK.fetch_max(in_use, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::change(layout.size() as isize);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::change(layout.size() as isize);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        Self::change(-(layout.size() as isize));
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::change(size as isize - layout.size() as isize);
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(place, layout, size) }
    }
}
