//! The worker processes, as the main thread sees them.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};

use anyhow::Context as _;
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::{End, Event, PipeId, Router, Worker};

use crate::app::App;
use crate::args::Transport;
use crate::tile::{Job, Tile};
use crate::view::View;
use crate::work::{Order, Ready};

/// How many tiles a worker has at once, so that it never waits for the next.
const AT_ONCE: usize = 2;

/// So many workers may die before they have sent anything; then it is given up.
const MOST_STILLBORN: u32 = 8;

pub struct Pool {
    router: Router<App>,
    transport: Transport,
    members: Vec<Member>,
    /// The view that is drawn. They are numbered, as turns.
    view: Option<View>,
    turn: u64,
    jobs: VecDeque<Job>,
    stillborn: u32,
}

/// A place in the pool, and the worker that has it now.
struct Member {
    worker: Worker<App>,
    input: ChildStdin,
    /// Where its tiles of the present view arrive.
    pipe: Option<PipeId>,
    /// It is told of the next turn when it has taken the last: so its standard input never
    /// fills up, and the window never waits for it.
    ready: bool,
    told: u64,
    has: Vec<Job>,
}

impl Pool {
    pub fn start(router: &Router<App>, transport: Transport, size: usize) -> anyhow::Result<Self> {
        let mut pool = Self {
            router: router.clone(),
            transport,
            members: Vec::new(),
            view: None,
            turn: 0,
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
        let mut command = Command::new(std::env::current_exe()?);
        command.stdin(Stdio::piped());
        let hear = move |app: &mut App, event: Event<Ready>| app.hear_of_worker(place, event);
        let (worker, _) = match self.transport {
            Transport::Pipe => self.router.spawn(Pipe::new(), command).pipe(hear)?,
            #[cfg(target_os = "linux")]
            Transport::Shm => self.router.spawn(Shm::new(), command).pipe(hear)?,
        };
        let input = worker.take_stdin().context("the worker has no standard input")?;
        Ok(Member { worker, input, pipe: None, ready: true, told: 0, has: Vec::new() })
    }

    /// Turns to another view. Returns the pipes of the one before, to be closed: what still
    /// arrives on them is discarded.
    #[must_use]
    pub fn turn_to(&mut self, view: View, jobs: Vec<Job>) -> Vec<PipeId> {
        self.view = Some(view);
        self.turn += 1;
        self.jobs = jobs.into();
        self.members.iter_mut().filter_map(|member| member.pipe.take()).collect()
    }

    /// Tells all workers what to do next.
    pub fn assign_all(&mut self) -> anyhow::Result<()> {
        (0..self.members.len()).try_for_each(|place| self.assign(place))
    }

    /// Tells a worker what to do next. If it is dead its first pipe tells.
    fn assign(&mut self, place: usize) -> anyhow::Result<()> {
        let member = &mut self.members[place];
        let Some(view) = self.view.filter(|_| member.ready && !self.jobs.is_empty()) else {
            return Ok(());
        };
        let turn = self.turn;
        if member.told != turn {
            // Only what arrives for the view that is looked at is looked at.
            let hear = move |app: &mut App, event: Event<Tile>| {
                if let Event::Message(tile) = event {
                    app.hear_tile(place, &tile);
                }
            };
            let (ticket, pipe) = match member.worker.pipe(hear) {
                Ok(made) => made,
                // Its link has ended.
                Err(_) => return Ok(()),
            };
            (member.pipe, member.told, member.ready) = (Some(pipe), turn, false);
            member.has.clear();
            member.order(&Order::Turn { turn, view, ticket });
        }
        while member.has.len() < AT_ONCE
            && let Some(job) = self.jobs.pop_front()
        {
            member.has.push(job);
            member.order(&Order::Draw(job));
        }
        Ok(())
    }

    /// A worker has turned to a view.
    pub fn note_ready(&mut self, place: usize, ready: &Ready) -> anyhow::Result<()> {
        let member = &mut self.members[place];
        member.ready = ready.turn == member.told;
        self.assign(place)
    }

    /// A worker has drawn a tile of the present view.
    pub fn note_tile(&mut self, place: usize, tile: &Tile) -> anyhow::Result<()> {
        self.stillborn = 0;
        let done = Job { index: tile.index, pass: tile.pass };
        self.members[place].has.retain(|job| *job != done);
        self.assign(place)
    }

    /// A worker has ended: its tiles are given to others, its place to a new one.
    pub fn replace(&mut self, place: usize, end: End) -> anyhow::Result<()> {
        self.stillborn += 1;
        if self.stillborn > MOST_STILLBORN {
            anyhow::bail!("workers end before they have drawn anything: {end}");
        }
        let next = self.spawn(place)?;
        let gone = std::mem::replace(&mut self.members[place], next);
        if gone.told == self.turn {
            gone.has.into_iter().rev().for_each(|job| self.jobs.push_front(job));
        }
        self.assign_all()
    }

    /// Kills a worker, another one each time.
    pub fn kill_one(&self, nth: usize) -> anyhow::Result<()> {
        Ok(self.members[nth % self.members.len()].worker.kill()?)
    }
}

impl Member {
    /// Writes an order. If the worker is dead its first pipe tells.
    fn order(&mut self, order: &Order) {
        let _ = self.input.write_all(format!("{order}\n").as_bytes());
    }
}
