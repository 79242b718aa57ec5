//! What a pool keeps beside its scheduler.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use homing_core::{End, Text};
use homing_router::Alarm;

use crate::backend::{Backend, Member};
use crate::scheduler::{Input, Scheduler, TaskId, WorkerId};
use crate::stats::Ends;
use crate::stop_watch::StopWatch;
use crate::tellings::Receiver;
use crate::wire::Outcome;

/// All that is borrowed for a moment, and never while code of the application runs.
pub(crate) struct State<C: 'static, K: Backend> {
    pub(crate) scheduler: Scheduler,
    /// What has happened, and the scheduler does not know yet.
    pub(crate) inputs: VecDeque<(Input, Detail<K::Value>)>,
    /// What belongs to the input that the scheduler has taken last.
    pub(crate) detail: Detail<K::Value>,
    pub(crate) tasks: HashMap<TaskId, Entry<C, K>>,
    pub(crate) members: BTreeMap<(u32, u32), MemberState<K>>,
    pub(crate) next_task: u64,
    /// Wakes the scheduler, at this time since the pool's start.
    pub(crate) alarm: Option<(Duration, Alarm)>,
    /// Looks at the memory of the workers.
    pub(crate) memory_watch: Option<Alarm>,
    /// Set while jobs wait and there is no worker.
    pub(crate) stop_watch: Option<StopWatch<C>>,
    pub(crate) ends: Ends,
    /// Why the last worker died or was not started.
    pub(crate) last_failure: Text,
    /// Why the pool has given up.
    pub(crate) gave_up: Option<Text>,
    pub(crate) is_closed: bool,
    /// The pool has been closed because its router is about to stop.
    pub(crate) is_stopping: bool,
    pub(crate) on_closed: Vec<Box<dyn FnOnce(&mut C)>>,
}

/// What the scheduler does not have to know of an input.
pub(crate) enum Detail<V> {
    Nothing,
    /// Progress, and how many values are to be credited for it.
    Progress(V, u32, WorkerId),
    Outcome(Outcome<V>),
    /// How a worker's pipe ended.
    Death {
        end: End,
        is_over_memory: bool,
    },
}

/// A job that has not ended.
pub(crate) struct Entry<C: 'static, K: Backend> {
    /// `None` once a job has started that is not repeatable.
    pub(crate) job: Option<K::Job>,
    pub(crate) name: &'static str,
    pub(crate) is_repeatable: bool,
    pub(crate) receiver: Rc<Receiver<C, K::Value>>,
}

/// A worker.
pub(crate) struct MemberState<K: Backend> {
    pub(crate) member: Rc<dyn Member<K>>,
    pub(crate) is_ready: bool,
    /// The name of the job that it runs.
    pub(crate) job: Option<&'static str>,
    /// It is killed because it took too much memory.
    pub(crate) is_over_memory: bool,
}

impl<C: 'static, K: Backend> State<C, K> {
    pub(crate) fn new(scheduler: Scheduler) -> Self {
        Self {
            scheduler,
            inputs: VecDeque::new(),
            detail: Detail::Nothing,
            tasks: HashMap::new(),
            members: BTreeMap::new(),
            next_task: 0,
            alarm: None,
            memory_watch: None,
            stop_watch: None,
            ends: Ends::default(),
            last_failure: Text::EMPTY,
            gave_up: None,
            is_closed: false,
            is_stopping: false,
            on_closed: Vec::new(),
        }
    }

    pub(crate) fn member(
        &mut self,
        WorkerId { slot, generation }: WorkerId,
    ) -> Option<&mut MemberState<K>> {
        self.members.get_mut(&(slot, generation))
    }

    /// Why jobs that wait are not run.
    pub(crate) fn reason(&self) -> Text {
        self.gave_up.clone().unwrap_or_else(|| Text::new("the router has stopped"))
    }
}
