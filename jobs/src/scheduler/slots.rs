//! The workers' places in the pool.

use std::time::Duration;

use super::message::WorkerId;
use super::worker::Worker;

/// Places, each with one worker at most. There are as many as were needed so far.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Slot {
    /// How many workers have been here, so that reports of earlier ones are told apart.
    generation: u32,
    worker: Option<Worker>,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self { slots: Vec::new(), limit }
    }

    /// Puts a worker into a free place.
    pub(super) fn add(&mut self, now: Duration) -> Option<WorkerId> {
        if !self.has_room() {
            return None;
        }
        let free = self.slots.iter().position(|slot| slot.worker.is_none());
        let at = free.unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let slot = self.slots.get_mut(at)?;
        slot.generation = slot.generation.wrapping_add(1);
        let id = WorkerId { slot: u32::try_from(at).ok()?, generation: slot.generation };
        slot.worker = Some(Worker::new(now, id));
        Some(id)
    }

    /// Whether a place is free.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.limit || self.slots.iter().any(|slot| slot.worker.is_none())
    }

    pub(super) fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        let slot = self.slots.get_mut(usize::try_from(id.slot).ok()?)?;
        slot.worker.as_mut().filter(|worker| worker.id == id)
    }

    pub(super) fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        let slot = self.slots.get_mut(usize::try_from(id.slot).ok()?)?;
        slot.worker.take_if(|worker| worker.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.slots.iter().filter_map(|slot| slot.worker.as_ref())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.slots.iter_mut().filter_map(|slot| slot.worker.as_mut())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The workers for which `wanted` holds, by name: for loops that change them.
    pub(super) fn which(&self, wanted: impl Fn(&Worker) -> bool) -> Vec<WorkerId> {
        self.iter().filter(|worker| wanted(worker)).map(|worker| worker.id).collect()
    }
}
