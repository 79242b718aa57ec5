//! Workers that are commanded, and what is like them without Homing.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use homing::std_loop::EventLoop;
use homing::{
    Disconnected, Event, ProcessTransport, Remote, Reply, Router, Ticket, Worker, worker,
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::measure::nanos_each;
use crate::role::Role;
use crate::wake::now;

/// What the foreground sends to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// What time it is. A message says how long the command took.
    Stamp(u64),
    /// The number is the answer.
    Echo(u64, Reply<u64>),
    /// What so many looks take is the answer, in picoseconds each.
    Look(u64, Reply<u64>),
    /// The same for loads of an atomic.
    Load(u64, Reply<u64>),
    /// To look until this pipe is cancelled. Messages of this pipe say that it looks, and when it
    /// has seen that.
    Poll(Ticket<u64, ()>),
}

/// A worker that obeys.
pub(crate) fn obey() -> anyhow::Result<()> {
    let (mut commands, mut sender) = worker::duplex::<Command, u64>()?;
    sender.start()?;
    while let Ok(command) = commands.recv() {
        match command {
            Command::Stamp(sent) => {
                let took = now().saturating_sub(sent);
                sender.send(took).map_err(|_| Disconnected)?;
            }
            Command::Echo(number, reply) => {
                sender.answer(reply, number).map_err(|_| Disconnected)?;
            }
            Command::Look(count, reply) => {
                let took = picos_each(count, || sender.is_cancelled());
                sender.answer(reply, took).map_err(|_| Disconnected)?;
            }
            Command::Load(count, reply) => {
                let flag = AtomicBool::new(false);
                let took =
                    picos_each(count, || std::hint::black_box(&flag).load(Ordering::Acquire));
                sender.answer(reply, took).map_err(|_| Disconnected)?;
            }
            Command::Poll(ticket) => {
                let (_receiver, mut sender) = worker::link()?.duplex(ticket)?;
                sender.start()?;
                sender.send(0).map_err(|_| Disconnected)?;
                while !sender.is_cancelled() {}
                sender.send(now()).map_err(|_| Disconnected)?;
                sender.stop()?;
            }
        }
    }
    Ok(())
}

fn picos_each(count: u64, look: impl Fn() -> bool) -> u64 {
    let begin = Instant::now();
    let seen = (0..count).filter(|_| look()).count();
    std::hint::black_box(seen);
    (nanos_each(count, begin.elapsed()) * 1e3) as u64
}

/// A std loop, and a worker process that obeys.
pub(crate) struct Commanded {
    event_loop: EventLoop,
    router: Router<Heard>,
    worker: Worker<Heard>,
    pub(crate) remote: Remote<Heard, Command>,
    heard: Heard,
}

/// The messages and answers that have come and were not looked at.
type Heard = Vec<u64>;

fn hear(heard: &mut Heard, event: Event<u64>) {
    heard.extend(event.message());
}

impl Commanded {
    pub(crate) fn spawn(transport: impl ProcessTransport, role: Role) -> anyhow::Result<Self> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let (worker, remote, _) = router.spawn(transport, role.command()?).duplex(hear)?;
        let mut commanded = Self { event_loop, router, worker, remote, heard: Heard::new() };
        // Until it has, it is not started.
        commanded.ask(|reply| Command::Echo(0, reply))?;
        Ok(commanded)
    }

    /// Waits for one message or answer.
    pub(crate) fn next(&mut self) -> anyhow::Result<u64> {
        let Self { event_loop, router, heard, .. } = self;
        let is_over = |heard: &mut Heard| !heard.is_empty() || router.open_pipes() == 0;
        event_loop.run_until(router, heard, is_over)?;
        heard.pop().context("the worker has ended")
    }

    pub(crate) fn send(&self, command: Command) -> anyhow::Result<()> {
        Ok(self.remote.send(command)?)
    }

    pub(crate) fn ask(&mut self, make: impl FnOnce(Reply<u64>) -> Command) -> anyhow::Result<u64> {
        let asked = self.remote.ask(make, |heard, answer| heard.extend(answer.ok()));
        asked?;
        self.next()
    }

    /// Asks so many questions, of which the worker has two at a time, and waits for the answers.
    pub(crate) fn pipelined(
        &mut self,
        count: u64,
        make: impl Fn(Reply<u64>) -> Command,
    ) -> anyhow::Result<()> {
        for asked in 0..count + 1 {
            if asked < count {
                self.remote.ask(&make, |heard, answer| heard.extend(answer.ok()))?;
            }
            if asked > 0 {
                self.next()?;
            }
        }
        Ok(())
    }

    /// A pipe of which the worker looks whether it is cancelled.
    pub(crate) fn polled(&mut self) -> anyhow::Result<Remote<Heard, ()>> {
        let (ticket, remote, _) = self.worker.duplex(hear)?;
        self.send(Command::Poll(ticket))?;
        ensure!(self.next()? == 0, "the worker does not look");
        Ok(remote)
    }
}

/// A process that reads from its standard input, and writes to its standard output.
pub(crate) struct BarePair {
    to: OwnedFd,
    from: OwnedFd,
    child: Child,
}

impl BarePair {
    /// Two OS pipes.
    pub(crate) fn pipes(role: Role) -> anyhow::Result<Self> {
        let ((there, to), (from, back)) = (os_pipe::pipe()?, os_pipe::pipe()?);
        Self::spawn([there.into(), to.into(), from.into(), back.into()], role)
    }

    /// Two eventfds.
    pub(crate) fn eventfds(role: Role) -> anyhow::Result<Self> {
        let make = || eventfd(0, EventfdFlags::CLOEXEC);
        let (to, from) = (make()?, make()?);
        Self::spawn([to.try_clone()?, to, from.try_clone()?, from], role)
    }

    /// Two ends of a socket.
    pub(crate) fn sockets(role: Role) -> anyhow::Result<Self> {
        let (here, there) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        Self::spawn([there.try_clone()?, here.try_clone()?, here, there], role)
    }

    fn spawn([there, to, from, back]: [OwnedFd; 4], role: Role) -> anyhow::Result<Self> {
        let child = role.command()?.stdin(there).stdout(back).spawn()?;
        Ok(Self { to, from, child })
    }

    pub(crate) fn write(&self, number: u64) -> anyhow::Result<()> {
        ensure!(rustix::io::write(&self.to, &number.to_ne_bytes())? == 8, "not written at once");
        Ok(())
    }

    /// Waits, as event loops do, and reads.
    pub(crate) fn read(&self) -> anyhow::Result<u64> {
        poll(&mut [PollFd::new(&self.from, PollFlags::IN)], None)?;
        let mut number = [0; 8];
        // So short a write is read as a whole.
        ensure!(rustix::io::read(&self.from, &mut number)? == 8, "the process has ended");
        Ok(u64::from_ne_bytes(number))
    }
}

impl Drop for BarePair {
    fn drop(&mut self) {
        // Neither fails for a child that is there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side of a [`BarePair`]: writes for each number that it reads what `answer` says, which
/// is not zero. It waits in `poll` or in `read`.
pub(crate) fn bare(polls: bool, answer: impl Fn(u64) -> u64) -> anyhow::Result<()> {
    // An eventfd has no end.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let (input, output) = (io::stdin(), io::stdout());
    loop {
        if polls {
            poll(&mut [PollFd::new(&input, PollFlags::IN)], None)?;
        }
        let mut number = [0; 8];
        if rustix::io::read(input.as_fd(), &mut number)? == 0 {
            return Ok(());
        }
        let answer = answer(u64::from_ne_bytes(number)).max(1);
        if rustix::io::write(output.as_fd(), &answer.to_ne_bytes())? != 8 {
            bail!("not written at once");
        }
    }
}
