#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "jobs")]
pub mod jobs;
#[cfg(feature = "schema")]
pub mod schema;
pub mod transport;
pub mod worker;

/// Links between threads of this process. Feature `channel`.
#[cfg(feature = "channel")]
pub mod channel {
    pub use homing_transport_channel::{
        Channel, ChannelCommands, ChannelFactory, ChannelInlet, ChannelOutlet, Receiver, Sender,
    };
}

/// Links from worker processes over OS pipes. Feature `pipe`.
#[cfg(feature = "pipe")]
pub mod pipe {
    pub use homing_mux::{RawBytes, Reservation, ReservingSender};
    pub use homing_transport_pipe::{
        Pipe, PipeCommands, PipeFactory, PipeInlet, PipeOutlet, Receiver, Sender,
    };
}

/// Links from microcontrollers over serial lines. Feature `serial`.
#[cfg(feature = "serial")]
pub mod serial {
    pub use homing_transport_serial::{
        LineCounters, LineStats, Port, Received, Serial, SerialFactory, SerialInlet,
    };
}

/// Links from worker processes over shared memory. Feature `shm`, on Linux.
#[cfg(all(feature = "shm", target_os = "linux"))]
pub mod shm {
    pub use homing_mux::{RawBytes, Reservation, ReservingSender};
    pub use homing_transport_shm::{
        Receiver, Sender, Shm, ShmCommands, ShmFactory, ShmInlet, ShmOutlet,
    };
}

#[cfg(feature = "calloop")]
pub use homing_pingee_adapters::calloop;
#[cfg(feature = "std-loop")]
pub use homing_pingee_adapters::std_loop;
#[cfg(feature = "task")]
pub use homing_pingee_adapters::task;
#[cfg(feature = "winit")]
pub use homing_pingee_adapters::winit;
#[cfg(feature = "winit-031")]
pub use homing_pingee_adapters::winit_031;
pub use homing_pingee_adapters::{FnPinger, from_fn};

pub use homing_core::{
    AnswerOutlet, AnyAsyncSender, AnyReceiver, AnySender, AsyncAnswerOutlet, AsyncCommands,
    AsyncOutlet, ClosePipeError, CloseReason, Commands, ConnectionId, Counters, Disconnected, End,
    Event, Exit, InvalidTicket, LinkId, Lost, MakeDuplex, OpenTicket, Outgoing, Outlet, Overflow,
    Panic, Pingee, Pinger, PipeErrorKind, ProtocolError, Receiver, RecvError, Reply, RouterState,
    SendError, SendErrorKind, Sender, SenderCounters, SenderError, SenderState, Text, Ticket, Told,
    Transport, Undecodable, WrongState,
};
pub use homing_process::{ProcessTransport, SpawnOptions, StartError};
pub use homing_router::{
    Alarm, AskError, Budget, Capacity, Dispatched, DoorbellSet, Link, LinkError, LinkWaker,
    LoopBinding, Mailbox, PipeId, PipeOptions, Process, Remote, RemoteHandle, RouteError,
    RouteInterrupt, Router, RouterHandle, SpawnBuilder, SpawnError, StopError, TryRouteError,
    Unreaped, WeakRouter, Worker,
};

/// The guide to jobs, compiled.
#[cfg(all(doctest, feature = "jobs", feature = "pipe", feature = "std-loop"))]
#[doc = include_str!("../docs/jobs.md")]
mod jobs_guide {}

/// The guide to commands, compiled and run.
#[cfg(all(doctest, feature = "channel", feature = "serial", feature = "std-loop"))]
#[doc = include_str!("../docs/commands.md")]
mod commands_guide {}
