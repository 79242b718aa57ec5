//! The processes at the other end, as the foreground has them.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use anyhow::{Context as _, ensure};
use homing::std_loop::EventLoop;
use homing::{Event, ProcessTransport, Router, Worker};
#[cfg(target_os = "linux")]
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver};
use os_pipe::PipeReader;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::role::Role;

/// A std loop, and a worker process.
pub(crate) struct Homed<A: 'static> {
    event_loop: EventLoop,
    router: Router<A>,
    orders: ChildStdin,
    _worker: Worker<A>,
}

impl<A: 'static> Homed<A> {
    pub(crate) fn spawn<M: Serialize + DeserializeOwned + 'static>(
        transport: impl ProcessTransport,
        role: Role,
        handler: impl FnMut(&mut A, Event<M>) + 'static,
    ) -> anyhow::Result<Self> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let (worker, _) = router.spawn(transport, role.command()?).pipe(handler)?;
        let orders = worker.take_stdin().context("the worker has no standard input")?;
        Ok(Self { event_loop, router, orders, _worker: worker })
    }

    pub(crate) fn order(&mut self, count: u64) -> io::Result<()> {
        order(&mut self.orders, count)
    }

    /// Runs the loop until the condition holds, or the worker is gone.
    pub(crate) fn run_until(
        &mut self,
        app: &mut A,
        mut condition: impl FnMut(&A) -> bool,
    ) -> anyhow::Result<()> {
        let Self { event_loop, router, .. } = self;
        event_loop.run_until(router, app, |app| condition(app) || router.open_pipes() == 0)?;
        ensure!(condition(app), "the worker has ended");
        Ok(())
    }
}

/// A process that writes to a bare pipe, or to what is like one.
pub(crate) struct Bare {
    pub(crate) reader: PipeReader,
    child: Child,
    orders: ChildStdin,
}

impl Bare {
    pub(crate) fn spawn(role: Role) -> anyhow::Result<Self> {
        let (reader, writer) = os_pipe::pipe()?;
        Self::spawn_on(reader, writer, role)
    }

    pub(crate) fn spawn_on(
        reader: PipeReader,
        writer: impl Into<Stdio>,
        role: Role,
    ) -> anyhow::Result<Self> {
        let mut child = role.command()?.stdout(writer).spawn()?;
        let orders = child.stdin.take().context("the process has no standard input")?;
        Ok(Self { reader, child, orders })
    }

    pub(crate) fn order(&mut self, count: u64) -> io::Result<()> {
        order(&mut self.orders, count)
    }

    /// Reads what there is, but waits for something.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let len = self.reader.read(buffer)?;
        ensure!(len > 0, "the process has ended");
        Ok(len)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Neither fails for a child that is there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that sends over ipc-channel.
#[cfg(target_os = "linux")]
pub(crate) struct Ipc {
    child: Child,
    orders: ChildStdin,
}

#[cfg(target_os = "linux")]
impl Ipc {
    /// The process has the name of a server in its standard input before all orders, and
    /// sends one message that says that it is there.
    pub(crate) fn spawn<M: Serialize + DeserializeOwned>(
        role: Role,
    ) -> anyhow::Result<(Self, IpcReceiver<M>)> {
        let (server, name) = IpcOneShotServer::new()?;
        let mut child = role.command()?.spawn()?;
        let mut orders = child.stdin.take().context("the process has no standard input")?;
        orders.write_all(format!("{name}\n").as_bytes())?;
        let (receiver, _) = server.accept()?;
        Ok((Self { child, orders }, receiver))
    }

    pub(crate) fn order(&mut self, count: u64) -> io::Result<()> {
        order(&mut self.orders, count)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Ipc {
    fn drop(&mut self) {
        // Neither fails for a child that is there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn order(orders: &mut ChildStdin, count: u64) -> io::Result<()> {
    // One write, so that the other side wakes once.
    orders.write_all(format!("{count}\n").as_bytes())
}
