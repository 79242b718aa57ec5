//! Workers that are processes.

use std::marker::PhantomData;

use homing_core::{AsyncCommands, Exit, Postcard, Receiver, Sender};
use homing_router::{PipeOptions, Worker};

use super::role::{Order, Role, perform};
use super::task_role::TaskOutlet;
use super::{DuplexRig, Started, record};
use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};
use crate::process::{ProcessRig, Program, ROLE};

/// A transport of worker processes that has a way back.
pub trait DuplexProcessRig: ProcessRig {
    /// The worker's end of the messages of a duplex pipe.
    type DuplexOutlet: TaskOutlet;
    /// The worker's end of its commands.
    type Commands: AsyncCommands<Order>;

    /// A link that is soon full.
    fn small() -> Self::Transport {
        Self::transport()
    }

    /// In a worker: the ends of the first pipe.
    fn duplex() -> (Receiver<Order, Self::Commands>, Sender<u64, Self::DuplexOutlet>);
}

/// Worker processes.
#[derive(Debug)]
pub struct Processes<R>(PhantomData<R>);

impl<R: DuplexProcessRig> DuplexRig for Processes<R> {
    type Codec = Postcard;
    type Program = Program;
    type Worker<H: EventLoopRig> = Worker<App>;

    fn start<H: EventLoopRig>(
        foreground: &Foreground<H>,
        program: Program,
        role: Role,
        number: usize,
        capacity: usize,
    ) -> Started<Self, H> {
        let options = PipeOptions::new().command_capacity(capacity);
        let transport = if role.fills_its_link() { R::small() } else { R::transport() };
        let (worker, remote, pipe) = foreground
            .router
            .spawn(transport, program.command(role.name()))
            .duplex_with::<Order, u64>(options, record(number))
            .expect("the worker starts");
        Started { remote, pipe, worker }
    }

    fn outcome<H: EventLoopRig>(foreground: &mut Foreground<H>, worker: Worker<App>) -> i32 {
        let start = std::time::Instant::now();
        while worker.exit().is_none() {
            foreground.turn(deadline() / 100);
            assert!(start.elapsed() < deadline(), "a worker hangs");
        }
        match worker.exit() {
            Some(Exit::Code(code)) => code,
            other => panic!("a worker has ended so: {other:?}"),
        }
    }

    fn kill<H: EventLoopRig>(worker: &Worker<App>) -> bool {
        worker.kill().unwrap();
        true
    }
}

/// Plays the role that this process was started for. Returns at once where it is an ordinary
/// test process.
pub fn play<R: DuplexProcessRig>() {
    let Ok(name) = std::env::var(ROLE) else { return };
    // Nothing is left behind by a check that failed.
    std::thread::spawn(|| {
        std::thread::sleep(2 * deadline());
        std::process::exit(99);
    });
    let role = Role::ALL.into_iter().find(|(role, _)| *role == name).expect("a role").1;
    let (orders, sender) = R::duplex();
    std::process::exit(perform(role, orders, sender));
}
