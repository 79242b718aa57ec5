//! Which processor a thread runs on, where that would decide more than what is measured.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread on one processor, and lets it go as it is dropped.
pub(crate) struct Pinned(Option<CpuSet>);

impl Pinned {
    /// To the first processor that this thread may use.
    pub(crate) fn first() -> Self {
        Self::to(|allowed| allowed.next())
    }

    /// To the last processor that this thread may use: another one than the first, if there
    /// is another.
    pub(crate) fn last() -> Self {
        Self::to(|allowed| allowed.last())
    }

    fn to(choose: impl FnOnce(&mut dyn Iterator<Item = usize>) -> Option<usize>) -> Self {
        let Ok(before) = sched_getaffinity(None) else { return Self(None) };
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu));
        let Some(cpu) = choose(&mut allowed) else { return Self(None) };
        let mut one = CpuSet::new();
        one.set(cpu);
        Self(sched_setaffinity(None, &one).is_ok().then_some(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // It was so before.
            let _ = sched_setaffinity(None, before);
        }
    }
}
