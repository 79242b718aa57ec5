//! What the processes do that this program starts: itself, again.
//!
//! They take orders on standard input, a number of messages a line, and end with it.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use homing::{Disconnected, worker};
#[cfg(target_os = "linux")]
use ipc_channel::ipc::IpcSender;

use crate::place::Place;
use crate::tally::{Message, message};
#[cfg(target_os = "linux")]
use crate::{bounds, busy, command, jobs, life, pinned, shm, wake};

/// The option that says what a process is to do.
pub(crate) const OPTION: &str = "--role";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Role {
    /// A worker that sends one message after another.
    Send,
    /// A worker that sends all messages of an order at once.
    SendAll,
    /// A worker that sends now and then what time it is.
    #[cfg(target_os = "linux")]
    Stamp,
    /// A worker that obeys commands.
    #[cfg(target_os = "linux")]
    Obey,
    /// A worker of a pool of jobs.
    #[cfg(target_os = "linux")]
    Jobs,
    /// The same, wherever the system wants.
    #[cfg(target_os = "linux")]
    JobsAnywhere,
    /// A worker that says that it is there, and does nothing more.
    #[cfg(target_os = "linux")]
    Idle,
    /// A hostile worker, which pins what it can.
    #[cfg(target_os = "linux")]
    Hoard,
    /// A worker that pins what it can, and keeps to the protocol.
    #[cfg(target_os = "linux")]
    HoardLegally,
    /// A worker that writes a row a millisecond.
    #[cfg(target_os = "linux")]
    SendRows,
    /// Keeps a processor busy.
    #[cfg(target_os = "linux")]
    Busy,
    /// As `Idle`, with much memory.
    #[cfg(target_os = "linux")]
    Resident,
    /// A worker that sends one large message after another.
    #[cfg(target_os = "linux")]
    SendLarge,
    /// A worker that writes one large message after another where it travels.
    #[cfg(target_os = "linux")]
    WriteLarge,
    /// Sends one message after another over ipc-channel.
    #[cfg(target_os = "linux")]
    IpcSend,
    /// Says on standard output that it is there, and does nothing more.
    #[cfg(target_os = "linux")]
    BareIdle,
    /// The same, with much memory.
    #[cfg(target_os = "linux")]
    BareResident,
    /// Writes messages to standard output.
    BareWrite,
    /// Writes now and then to standard output what time it is.
    #[cfg(target_os = "linux")]
    BareStamp,
    /// Reads from standard input what time it is, and writes how long it took.
    #[cfg(target_os = "linux")]
    BareTell,
    /// The same, and waits in `poll`.
    #[cfg(target_os = "linux")]
    BarePollTell,
    /// Writes back what it reads.
    #[cfg(target_os = "linux")]
    BareEcho,
}

impl Role {
    /// The role as an argument.
    pub(crate) fn name(self) -> Option<String> {
        use clap::ValueEnum as _;
        Some(self.to_possible_value()?.get_name().to_owned())
    }

    /// A process with this role, whose standard input is a pipe.
    pub(crate) fn command(self) -> io::Result<Command> {
        let name = self.name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([OPTION, &name]).stdin(Stdio::piped());
        Ok(command)
    }

    pub(crate) fn play(self) -> anyhow::Result<()> {
        let _pinned = match self {
            #[cfg(target_os = "linux")]
            Role::Busy
            | Role::JobsAnywhere
            | Role::Idle
            | Role::Resident
            | Role::BareIdle
            | Role::BareResident => Place::Anywhere.background(),
            _ => Place::Apart.background(),
        };
        match self {
            Role::Send => {
                let mut sender = worker::sender::<Message>()?;
                sender.start()?;
                each_order(|count| {
                    for number in 0..count {
                        sender.send(message(number)).map_err(|_| Disconnected)?;
                    }
                    Ok(())
                })
            }
            Role::SendAll => {
                let mut sender = worker::sender::<Message>()?;
                sender.start()?;
                each_order(|count| {
                    sender.send_all((0..count).map(message)).map_err(|_| Disconnected)?;
                    Ok(())
                })
            }
            Role::BareWrite => {
                let mut out = os_pipe::dup_stdout()?;
                each_order(|count| {
                    for number in 0..count {
                        let (first, second) = message(number);
                        let mut bytes = [0; 16];
                        let (left, right) = bytes.split_at_mut(8);
                        left.copy_from_slice(&first.to_le_bytes());
                        right.copy_from_slice(&second.to_le_bytes());
                        out.write_all(&bytes)?;
                    }
                    Ok(())
                })
            }
            #[cfg(target_os = "linux")]
            Role::Stamp => {
                let mut sender = worker::sender::<u64>()?;
                sender.start()?;
                each_order(|count| {
                    wake::stamp(count, |now| Ok(sender.send(now).map_err(|_| Disconnected)?))
                })
            }
            #[cfg(target_os = "linux")]
            Role::BareStamp => {
                let mut out = os_pipe::dup_stdout()?;
                each_order(|count| wake::stamp(count, |now| Ok(out.write_all(&now.to_ne_bytes())?)))
            }
            #[cfg(target_os = "linux")]
            Role::Obey => command::obey(),
            #[cfg(target_os = "linux")]
            Role::Jobs | Role::JobsAnywhere => jobs::work(),
            #[cfg(target_os = "linux")]
            Role::BareTell => command::bare(false, |sent| wake::now().saturating_sub(sent)),
            #[cfg(target_os = "linux")]
            Role::BarePollTell => command::bare(true, |sent| wake::now().saturating_sub(sent)),
            #[cfg(target_os = "linux")]
            Role::BareEcho => command::bare(false, |number| number),
            #[cfg(target_os = "linux")]
            Role::SendLarge => {
                let mut sender = worker::sender()?;
                sender.start()?;
                let payload = shm::payload();
                each_order(|count| {
                    for _ in 0..count {
                        sender.send(payload).map_err(|_| Disconnected)?;
                    }
                    Ok(())
                })
            }
            #[cfg(target_os = "linux")]
            Role::WriteLarge => {
                let mut sender = worker::bytes_sender::<shm::Large>()?;
                sender.start()?;
                let payload = shm::payload();
                each_order(|count| {
                    for _ in 0..count {
                        let mut write = || {
                            let mut message = sender.reserve(payload.len())?;
                            message.write(payload)?;
                            message.commit()
                        };
                        write().map_err(|_: homing::SendErrorKind| Disconnected)?;
                    }
                    Ok(())
                })
            }
            #[cfg(target_os = "linux")]
            Role::IpcSend => {
                let mut name = String::new();
                io::stdin().read_line(&mut name)?;
                let sender = IpcSender::<Message>::connect(name.trim_end().into())?;
                sender.send(message(0))?;
                each_order(|count| Ok((0..count).try_for_each(|n| sender.send(message(n)))?))
            }
            #[cfg(target_os = "linux")]
            Role::Hoard => pinned::hoard(),
            #[cfg(target_os = "linux")]
            Role::HoardLegally => pinned::hoard_legally(),
            #[cfg(target_os = "linux")]
            Role::SendRows => {
                let mut sender = worker::sender::<Vec<u8>>()?;
                sender.start()?;
                each_order(|count| bounds::send_rows(&mut sender, count))
            }
            #[cfg(target_os = "linux")]
            Role::Busy => busy::spin(),
            #[cfg(target_os = "linux")]
            Role::BareIdle => {
                life::say_ready()?;
                each_order(|_| Ok(()))
            }
            #[cfg(target_os = "linux")]
            Role::BareResident => {
                let _memory = life::worker_resident();
                life::say_ready()?;
                each_order(|_| Ok(()))
            }
            #[cfg(target_os = "linux")]
            Role::Idle | Role::Resident => {
                let _memory = matches!(self, Role::Resident).then(life::worker_resident);
                let mut sender = worker::sender::<Message>()?;
                sender.start()?;
                sender.send(message(0)).map_err(|_| Disconnected)?;
                // There are no orders: it waits for the end of its standard input.
                each_order(|_| Ok(()))
            }
        }
    }
}

fn each_order(mut obey: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for line in io::stdin().lines() {
        obey(line?.parse()?)?;
    }
    Ok(())
}
