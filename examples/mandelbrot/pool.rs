//! The worker processes, as the main thread sees them.

use std::collections::VecDeque;
use std::process::Command;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::{End, Event, PipeId, Remote, Router, Worker};

use crate::app::App;
use crate::args::Transport;
use crate::tile::{Job, Tile};
use crate::view::View;
use crate::work::Turn;

/// How many tiles a worker has at once, so that it never waits for the next.
const AT_ONCE: usize = 2;

/// So many workers may die before they have sent anything; then it is given up.
const MOST_STILLBORN: u32 = 8;

pub struct Pool {
    router: Router<App>,
    transport: Transport,
    members: Vec<Member>,
    /// The view that is drawn.
    view: Option<View>,
    jobs: VecDeque<Job>,
    stillborn: u32,
}

/// A place in the pool, and the worker that has it now.
struct Member {
    worker: Worker<App>,
    turns: Remote<App, Turn>,
    /// Where it is told of tiles of the present view.
    tiles: Option<Remote<App, Job>>,
    /// Those that it has.
    has: Vec<Job>,
}

impl Pool {
    pub fn start(router: &Router<App>, transport: Transport, size: usize) -> anyhow::Result<Self> {
        let mut pool = Self {
            router: router.clone(),
            transport,
            members: Vec::new(),
            view: None,
            jobs: VecDeque::new(),
            stillborn: 0,
        };
        for place in 0..size {
            let member = pool.spawn(place)?;
            pool.members.push(member);
        }
        Ok(pool)
    }

    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Starts a worker process. Its first pipe says what becomes of it.
    fn spawn(&self, place: usize) -> anyhow::Result<Member> {
        let command = Command::new(std::env::current_exe()?);
        let hear = move |app: &mut App, event: Event<()>| app.hear_of_worker(place, event);
        let (worker, turns, _) = match self.transport {
            Transport::Pipe => self.router.spawn(Pipe::new(), command).duplex(hear)?,
            #[cfg(target_os = "linux")]
            Transport::Shm => self.router.spawn(Shm::new(), command).duplex(hear)?,
        };
        Ok(Member { worker, turns, tiles: None, has: Vec::new() })
    }

    /// Turns to another view. Returns the pipes of the one before, to be closed: their workers
    /// abandon what they draw, and what still arrives is discarded.
    #[must_use]
    pub fn turn_to(&mut self, view: View, jobs: Vec<Job>) -> Vec<PipeId> {
        self.view = Some(view);
        self.jobs = jobs.into();
        self.members.iter_mut().for_each(|member| member.has.clear());
        let tiles = self.members.iter_mut().filter_map(|member| member.tiles.take());
        tiles.map(|tiles| tiles.pipe()).collect()
    }

    /// Tells all workers what to do next.
    pub fn assign_all(&mut self) {
        (0..self.members.len()).for_each(|place| self.assign(place));
    }

    /// Tells a worker what to do next.
    fn assign(&mut self, place: usize) {
        let member = &mut self.members[place];
        let Some(view) = self.view.filter(|_| !self.jobs.is_empty()) else { return };
        if member.tiles.is_none() {
            member.tiles = member.turn_to(place, view);
        }
        let Some(tiles) = &member.tiles else { return };
        while member.has.len() < AT_ONCE
            && let Some(job) = self.jobs.pop_front()
        {
            member.has.push(job);
            // If the worker is dead its first pipe tells, and another one gets the tile.
            let _ = tiles.send(job);
        }
    }

    /// A worker has drawn a tile of the present view.
    pub fn note_tile(&mut self, place: usize, tile: &Tile) {
        self.stillborn = 0;
        let done = Job { index: tile.index, pass: tile.pass };
        self.members[place].has.retain(|job| *job != done);
        self.assign(place);
    }

    /// A worker has ended: its tiles are given to others, its place to a new one.
    pub fn replace(&mut self, place: usize, end: End) -> anyhow::Result<()> {
        self.stillborn += 1;
        if self.stillborn > MOST_STILLBORN {
            anyhow::bail!("workers end before they have drawn anything: {end}");
        }
        let next = self.spawn(place)?;
        let gone = std::mem::replace(&mut self.members[place], next);
        gone.has.into_iter().rev().for_each(|job| self.jobs.push_front(job));
        self.assign_all();
        Ok(())
    }

    /// Kills a worker, another one each time.
    pub fn kill_one(&self, nth: usize) -> anyhow::Result<()> {
        Ok(self.members[nth % self.members.len()].worker.kill()?)
    }
}

impl Member {
    /// Makes a pipe for the tiles of a view, and has the worker turn to it. `None` if it is dead,
    /// which its first pipe tells.
    fn turn_to(&self, place: usize, view: View) -> Option<Remote<App, Job>> {
        // Only what arrives for the view that is looked at is looked at.
        let hear = move |app: &mut App, event: Event<Tile>| {
            if let Event::Message(tile) = event {
                app.hear_tile(place, &tile);
            }
        };
        let (ticket, tiles, _) = self.worker.duplex(hear).ok()?;
        self.turns.send(Turn { view, ticket }).ok()?;
        Some(tiles)
    }
}
