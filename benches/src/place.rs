//! Which processor a thread runs on, where that would decide more than what is measured.
//!
//! On systems other than Linux, wherever the system wants.

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the two ends are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Wherever the system wants.
    Anywhere,
    /// On two processors, if there are two.
    Apart,
    /// On one processor.
    #[cfg(target_os = "linux")]
    Together,
}

impl Place {
    /// Puts this thread where the foreground is to be. Threads and processes that it starts
    /// then are put there too.
    pub(crate) fn foreground(self) -> Pinned {
        match self {
            Place::Anywhere => Pinned::nowhere(),
            Place::Apart => Pinned::to(|allowed| allowed.next()),
            #[cfg(target_os = "linux")]
            Place::Together => Pinned::to(|allowed| allowed.next()),
        }
    }

    /// Puts this thread where senders are to be.
    pub(crate) fn background(self) -> Pinned {
        match self {
            Place::Apart => Pinned::to(|allowed| allowed.last()),
            _ => self.foreground(),
        }
    }
}

/// A thread that stays where it was put, until this is dropped.
pub(crate) struct Pinned {
    #[cfg(target_os = "linux")]
    before: Option<CpuSet>,
}

#[cfg(target_os = "linux")]
impl Pinned {
    fn nowhere() -> Self {
        Self { before: None }
    }

    fn to(choose: impl FnOnce(&mut dyn Iterator<Item = usize>) -> Option<usize>) -> Self {
        let Ok(before) = sched_getaffinity(None) else { return Self::nowhere() };
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu));
        let Some(cpu) = choose(&mut allowed) else { return Self::nowhere() };
        let mut one = CpuSet::new();
        one.set(cpu);
        Self { before: sched_setaffinity(None, &one).is_ok().then_some(before) }
    }
}

#[cfg(not(target_os = "linux"))]
impl Pinned {
    fn nowhere() -> Self {
        Self {}
    }

    fn to(_: impl FnOnce(&mut dyn Iterator<Item = usize>) -> Option<usize>) -> Self {
        Self::nowhere()
    }
}

#[cfg(target_os = "linux")]
impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was so before.
            let _ = sched_setaffinity(None, before);
        }
    }
}
