//! What a link's senders share with its inlet.

use core::cell::RefCell;
#[cfg(feature = "task")]
use core::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(feature = "task")]
use core::task::Waker;

use critical_section::Mutex;
use heapless::spsc::{Consumer, Producer};
use homing_core::{CloseReason, ConnectionId, Pinger, SendErrorKind};

use crate::element::Element;
use crate::item::Item;
use crate::room_wakers::RoomWakers;

/// What a link's senders share with its inlet.
pub(crate) struct Shared<C: Element> {
    workers: Mutex<RefCell<Side<C>>>,
    /// Tasks wait for room.
    #[cfg(feature = "task")]
    has_waiting: AtomicBool,
}

/// The workers' side of a link.
enum Side<C: Element> {
    /// The link was not split yet.
    New,
    /// There is a foreground.
    Open(Workers<C>),
    /// The inlet is being dropped.
    Closing(Producer<'static, Item<C>>, Life),
    /// The inlet was dropped. The link can be split again.
    Idle(Ends<C>, Life),
}

/// Both ends of a link's queue.
pub(crate) type Ends<C> = (Producer<'static, Item<C>>, Consumer<'static, Item<C>>);

/// How often a link was split: a sender is of one life of its link. It comes round.
pub(crate) type Life = u16;

struct Workers<C: Element> {
    producer: Producer<'static, Item<C>>,
    life: Life,
    /// Places that are set aside for the ends of pipes.
    ends: usize,
    bell: &'static (dyn Pinger + Sync),
    waiting: RoomWakers,
}

impl<C: Element> Workers<C> {
    /// The places that are free.
    #[inline]
    fn free(&self) -> usize {
        if has_no_place(self.producer.capacity()) {
            return 0;
        }
        self.producer.capacity() - self.producer.len()
    }

    #[inline]
    fn enqueue(&mut self, item: Item<C>) -> Result<(), Item<C>> {
        if has_no_place(self.producer.capacity()) {
            return Err(item);
        }
        self.producer.enqueue(item)
    }
}

/// Whether a queue of this capacity would have no place at all, which no queue has. Asked
/// right before a queue is used, it keeps heapless' division by the number of places from having a
/// way to panic.
#[inline]
pub(crate) fn has_no_place(capacity: usize) -> bool {
    capacity == usize::MAX
}

impl<C: Element> Shared<C> {
    pub(crate) const fn new() -> Self {
        Self {
            workers: Mutex::new(RefCell::new(Side::New)),
            #[cfg(feature = "task")]
            has_waiting: AtomicBool::new(false),
        }
    }

    /// Begins a life of the link, with the ends of its queue: those of `first` the first time, and
    /// then those of the inlet that was dropped. `None` while there is another inlet.
    pub(crate) fn open(
        &self,
        first: impl FnOnce() -> Option<Ends<C>>,
        bell: &'static (dyn Pinger + Sync),
    ) -> Option<(Consumer<'static, Item<C>>, Life)> {
        critical_section::with(|section| {
            // It is borrowed only in critical sections, and never in one within another.
            let mut side = self.workers.borrow(section).try_borrow_mut().ok()?;
            let ((producer, consumer), life) = match core::mem::replace(&mut *side, Side::New) {
                Side::New => (first()?, 0),
                Side::Idle(ends, life) => (ends, life.wrapping_add(1)),
                open => {
                    *side = open;
                    return None;
                }
            };
            *side =
                Side::Open(Workers { producer, life, ends: 0, bell, waiting: RoomWakers::new() });
            Some((consumer, life))
        })
    }

    /// The inlet goes: nothing is put into the queue any more.
    pub(crate) fn disconnect(&self) {
        let waiting = critical_section::with(|section| {
            let mut side = self.workers.borrow(section).try_borrow_mut().ok()?;
            match core::mem::replace(&mut *side, Side::New) {
                Side::Open(Workers { producer, life, waiting, .. }) => {
                    *side = Side::Closing(producer, life);
                    Some(waiting)
                }
                other => {
                    *side = other;
                    None
                }
            }
        });
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// The inlet returns its end of the queue, which is empty.
    pub(crate) fn park(&self, consumer: Consumer<'static, Item<C>>) {
        critical_section::with(|section| {
            let Ok(mut side) = self.workers.borrow(section).try_borrow_mut() else { return };
            *side = match core::mem::replace(&mut *side, Side::New) {
                Side::Closing(producer, life) => Side::Idle((producer, consumer), life),
                other => other,
            };
        });
    }

    pub(crate) fn is_open(&self, life: Life) -> bool {
        self.with(life, |_| ()).is_some()
    }

    /// Uses the workers' side. `None` when the foreground of this life is gone.
    #[inline]
    fn with<T>(&self, life: Life, work: impl FnOnce(&mut Workers<C>) -> T) -> Option<T> {
        critical_section::with(|section| {
            match &mut *self.workers.borrow(section).try_borrow_mut().ok()? {
                Side::Open(workers) if workers.life == life => Some(work(workers)),
                _ => None,
            }
        })
    }

    /// Sets a place aside for the end of one more pipe, and says whether there was one.
    /// `None` when the foreground is gone.
    pub(crate) fn set_aside(&self, life: Life) -> Option<bool> {
        self.with(life, |workers| {
            let free = workers.free() > workers.ends;
            workers.ends += usize::from(free);
            free
        })
    }

    #[inline]
    pub(crate) fn push(
        &self,
        life: Life,
        connection: ConnectionId,
        element: C,
    ) -> Result<(), (C, SendErrorKind)> {
        let bell = critical_section::with(|section| {
            let mut side = self.workers.borrow(section).try_borrow_mut();
            let workers = match side.as_deref_mut() {
                Ok(Side::Open(workers)) if workers.life == life => workers,
                _ => return Err((element, SendErrorKind::Disconnected)),
            };
            if workers.free() <= workers.ends {
                return Err((element, SendErrorKind::Full));
            }
            match workers.enqueue(Item::Message(connection, element)) {
                Err(Item::Message(_, element)) => Err((element, SendErrorKind::Full)),
                _ => Ok(workers.bell),
            }
        })?;
        // Push first, ring second.
        bell.ping();
        Ok(())
    }

    /// Puts an end into the place that was set aside for it. False when the foreground is
    /// gone.
    pub(crate) fn close_pipe(
        &self,
        life: Life,
        connection: ConnectionId,
        reason: CloseReason,
        missed: u32,
    ) -> bool {
        let bell = self.with(life, |workers| {
            workers.ends = workers.ends.saturating_sub(1);
            // There is room: pushes leave that many places free.
            let _ = workers.enqueue(Item::Closed(connection, reason, missed));
            workers.bell
        });
        bell.map(Pinger::ping).is_some()
    }
}

#[cfg(feature = "task")]
impl<C: Element> Shared<C> {
    /// Whether there is room for a message, or no foreground that it could wait for.
    pub(crate) fn has_room(&self, life: Life) -> bool {
        self.with(life, |workers| workers.free() > workers.ends).unwrap_or(true)
    }

    /// Has a task woken when there is room. It looks afterwards.
    pub(crate) fn wake_on_room(&self, life: Life, waker: &Waker) {
        let displaced = self.with(life, |workers| {
            self.has_waiting.store(true, Ordering::Relaxed);
            workers.waiting.add(waker)
        });
        // Pairs with the fence in `made_room`: see `tasks`.
        fence(Ordering::SeqCst);
        displaced.flatten().into_iter().for_each(Waker::wake);
    }

    /// The main loop has taken something: wakes the tasks that wait for room. Interrupts are masked
    /// only when there are some.
    #[inline]
    pub(crate) fn made_room(&self, life: Life) {
        fence(Ordering::SeqCst);
        if self.has_waiting.load(Ordering::Relaxed) {
            self.wake_waiting(life);
        }
    }

    #[cold]
    fn wake_waiting(&self, life: Life) {
        let waiting = self.with(life, |workers| {
            self.has_waiting.store(false, Ordering::Relaxed);
            workers.waiting.take()
        });
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}
