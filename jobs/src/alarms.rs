//! What a pool looks at after a time.

use std::rc::Weak;
use std::time::Duration;

use crate::backend::Backend;
use crate::driver::Inner;
use crate::memory;
use crate::scheduler::{Input, WorkerId};
use crate::state::{Detail, MemberState};

/// How often the memory of workers is looked at while they work.
const MEMORY_WATCH: Duration = Duration::from_millis(100);

impl<C: 'static, K: Backend> Inner<C, K> {
    /// Has the router call when the scheduler next has something to do. An alarm that is early is
    /// left as it is: most deadlines are not reached, and setting one wakes a thread.
    pub(crate) fn set_alarm(&self) {
        let mut state = self.state.borrow_mut();
        let Some(at) = state.scheduler.next_alarm() else { return };
        if state.alarm.as_ref().is_some_and(|(earlier, _)| *earlier <= at) {
            return;
        }
        let this = Weak::clone(&self.this);
        let call = move |context: &mut C| {
            let Some(pool) = this.upgrade() else { return };
            let alarm = pool.state.borrow_mut().alarm.take();
            drop(alarm);
            pool.take_in(Input::Tick, Detail::Nothing);
            pool.tellings.flush(context);
        };
        match self.router.after(at.saturating_sub(self.now()), call) {
            Ok(alarm) => state.alarm = Some((at, alarm)),
            // The pipes of all workers have ended, or are about to: that ends the jobs.
            Err(_) => state.alarm = None,
        }
    }

    /// Looks at the memory of the workers after a time, where it is limited and they work.
    pub(crate) fn watch_memory(&self) {
        let Some(limit) = self.memory_limit else { return };
        let mut state = self.state.borrow_mut();
        let works = |member: &MemberState<K>| member.job.is_some() || !member.is_ready;
        if state.memory_watch.is_some() || !state.members.values().any(works) {
            return;
        }
        let this = Weak::clone(&self.this);
        let call = move |context: &mut C| {
            let Some(pool) = this.upgrade() else { return };
            let watch = pool.state.borrow_mut().memory_watch.take();
            drop(watch);
            pool.look_at_memory(limit);
            pool.tellings.flush(context);
        };
        state.memory_watch = self.router.after(MEMORY_WATCH, call).ok();
    }

    fn look_at_memory(&self, limit: u64) {
        let mut state = self.state.borrow_mut();
        let mut over = Vec::new();
        for (&(slot, generation), member) in &mut state.members {
            let resident = member.member.process_id().and_then(memory::resident);
            if let Some(bytes) = resident.filter(|bytes| *bytes > limit)
                && !std::mem::replace(&mut member.is_over_memory, true)
            {
                log::warn!(target: "homing::jobs", "pool {}: {:?} takes {bytes} bytes of memory, and is killed", self.name, member.member);
                over.push(Input::OverMemory { worker: WorkerId { slot, generation } });
            }
        }
        state.inputs.extend(over.into_iter().map(|input| (input, Detail::Nothing)));
        drop(state);
        self.drive();
    }
}
