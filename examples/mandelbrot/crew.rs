//! The workers, and the picture that they draw: the application, as the router's handlers have
//! it.

use std::collections::VecDeque;
use std::process::{ChildStdin, Command, Stdio};

use anyhow::Context as _;
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::{End, Event, Exit, PipeId, Router, Ticket, Worker};

use crate::args::Transport;
use crate::picture::Picture;
use crate::tiles::{Drawn, Job, Tile};
use crate::view::View;

/// How many tiles a worker has at once, so that it never waits for the next.
const AT_ONCE: usize = 2;

/// The application. All of it is the main thread's.
pub struct Crew {
    router: Router<Crew>,
    transport: Transport,
    members: Vec<Member>,
    view: View,
    picture: Picture,
    /// Tiles that nobody draws yet.
    queue: VecDeque<Tile>,
    left: usize,
    /// The picture is not what the window showed last.
    pub changed: bool,
    /// What happened last, for the title.
    pub news: Option<String>,
    pub failure: Option<anyhow::Error>,
    /// Whose turn it is to be killed.
    victim: usize,
}

/// A worker. Its first pipe says how it ends; it has another for the tiles of each view.
struct Member {
    worker: Worker<Crew>,
    input: ChildStdin,
    tiles: Option<(PipeId, Ticket<Drawn>)>,
    has: Vec<Tile>,
}

impl Crew {
    pub fn start(
        router: Router<Crew>,
        transport: Transport,
        workers: usize,
        size: (u32, u32),
    ) -> anyhow::Result<Self> {
        let mut crew = Self {
            router,
            transport,
            members: Vec::new(),
            view: View::whole(size),
            picture: Picture::new(size),
            queue: VecDeque::new(),
            left: 0,
            changed: true,
            news: None,
            failure: None,
            victim: 0,
        };
        for place in 0..workers {
            let member = crew.hire(place)?;
            crew.members.push(member);
        }
        crew.show(crew.view, middle(size))?;
        Ok(crew)
    }

    pub fn view(&self) -> View {
        self.view
    }

    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The part of the picture that is drawn, from 0 to 1.
    pub fn progress(&self) -> f32 {
        let all = Tile::all(self.view.size, (0.0, 0.0)).len().max(1);
        1.0 - self.left as f32 / all as f32
    }

    pub fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Shows another view, what is around `focus` first. Tiles of the last one that are on
    /// their way are abandoned: their pipes are closed, and the router drops what still comes.
    pub fn show(&mut self, view: View, focus: (f64, f64)) -> anyhow::Result<()> {
        for place in 0..self.members.len() {
            let Some(member) = self.members.get_mut(place) else { continue };
            member.has.clear();
            if let Some((pipe, _)) = member.tiles.take() {
                let router = self.router.clone();
                // It has ended already when its worker has just died.
                let _ = router.close_pipe(self, pipe);
            }
        }
        self.picture = self.picture.preview(&self.view, &view);
        self.view = view;
        self.queue = Tile::all(view.size, focus).into();
        self.left = self.queue.len();
        self.changed = true;
        for place in 0..self.members.len() {
            self.assign(place)?;
        }
        Ok(())
    }

    /// Kills a worker, another each time.
    pub fn kill_one(&mut self) -> anyhow::Result<()> {
        self.victim += 1;
        let place = self.victim % self.members.len().max(1);
        if let Some(member) = self.members.get(place) {
            member.worker.kill()?;
        }
        Ok(())
    }

    fn hire(&self, place: usize) -> anyhow::Result<Member> {
        let mut command = Command::new(std::env::current_exe()?);
        command.stdin(Stdio::piped());
        let hear = move |crew: &mut Crew, event: Event<()>| {
            if let Event::Ended(end) = event {
                crew.replace(place, end);
            }
        };
        let (worker, _) = match self.transport {
            #[cfg(target_os = "linux")]
            Transport::Shm => self.router.spawn(Shm::new(), command).pipe(hear)?,
            Transport::Pipe => self.router.spawn(Pipe::new(), command).pipe(hear)?,
        };
        let input = worker.take_stdin().context("the worker has no standard input")?;
        Ok(Member { worker, input, tiles: None, has: Vec::new() })
    }

    /// A worker is gone: its tiles go to others, its place to a new one.
    fn replace(&mut self, place: usize, end: End) {
        // The program ends, or the worker was told to.
        if matches!(end, End::Closed | End::Finished) {
            return;
        }
        eprintln!("mandelbrot: worker {place}: {end}");
        self.news = Some(format!("worker {place}: {end}; it was replaced"));
        let Some(member) = self.members.get_mut(place) else { return };
        for tile in std::mem::take(&mut member.has) {
            self.queue.push_front(tile);
        }
        // One that ends with an exit code of its own will do so again.
        let hired = match end {
            End::Lost(Some(Exit::Code(code))) => {
                Err(anyhow::anyhow!("a worker ended with exit code {code}"))
            }
            _ => self.hire(place),
        };
        let started = hired.and_then(|member| {
            if let Some(place) = self.members.get_mut(place) {
                *place = member;
            }
            self.assign(place)
        });
        if let Err(error) = started {
            self.failure = Some(error);
        }
    }

    /// A tile was drawn.
    fn hear(&mut self, place: usize, event: &Event<Drawn>) {
        let Event::Message(drawn) = event else { return };
        let Some(member) = self.members.get_mut(place) else { return };
        let Some(at) = member.has.iter().position(|tile| *tile == drawn.tile) else { return };
        member.has.remove(at);
        self.picture.put(drawn);
        self.left -= 1;
        self.changed = true;
        if let Err(error) = self.assign(place) {
            self.failure = Some(error);
        }
    }

    /// Gives a worker as many tiles as it is to have.
    fn assign(&mut self, place: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.get_mut(place) else { return Ok(()) };
        while member.has.len() < AT_ONCE
            && let Some(tile) = self.queue.pop_front()
        {
            member.has.push(tile);
            if member.tiles.is_none() {
                let hear = move |crew: &mut Crew, event: Event<Drawn>| crew.hear(place, &event);
                // A worker that has just died is replaced soon, and its tiles go to others.
                let Ok((ticket, pipe)) = member.worker.pipe(hear) else { return Ok(()) };
                member.tiles = Some((pipe, ticket));
            }
            if let Some((_, ticket)) = &member.tiles {
                // The same if this fails.
                let _ = Job::new(ticket, self.view, tile).write(&mut member.input);
            }
        }
        Ok(())
    }
}

/// The middle of a picture.
pub fn middle((width, height): (u32, u32)) -> (f64, f64) {
    (f64::from(width) / 2.0, f64::from(height) / 2.0)
}
