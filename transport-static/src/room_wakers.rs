//! The tasks that wait for room on one link. See `tasks`.

#[cfg(feature = "task")]
pub(crate) use with_tasks::RoomWakers;

/// Without the feature `task` there are none.
#[cfg(not(feature = "task"))]
pub(crate) struct RoomWakers;

#[cfg(not(feature = "task"))]
impl RoomWakers {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn wake(self) {}
}

#[cfg(feature = "task")]
mod with_tasks {
    use core::task::Waker;

    /// How many tasks may wait for room on one link at no cost but theirs. When there are more, they are
    /// woken in turn, and wait again.
    const TASKS: usize = 4;

    /// The tasks that wait for room on one link.
    pub(crate) struct RoomWakers([Option<Waker>; TASKS]);

    impl RoomWakers {
        pub(crate) const fn new() -> Self {
            Self([const { None }; TASKS])
        }

        /// Has a task woken when there is room. Returns one that is to be woken now.
        pub(crate) fn add(&mut self, waker: &Waker) -> Option<Waker> {
            let same = |place: &Option<Waker>| match place {
                Some(known) => known.will_wake(waker),
                None => false,
            };
            if self.0.iter().any(same) {
                return None;
            }
            // The longest wait is at the end.
            self.0.rotate_right(1);
            self.0.first_mut()?.replace(waker.clone())
        }

        /// Takes all out, to be woken.
        pub(crate) fn take(&mut self) -> Self {
            core::mem::replace(self, Self::new())
        }

        /// Wakes all of them. No interrupts are masked meanwhile.
        pub(crate) fn wake(self) {
            self.0.into_iter().flatten().for_each(Waker::wake);
        }
    }
}
