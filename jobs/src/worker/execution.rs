//! One job that runs.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use homing_core::{SendErrorKind, Text};

use super::station::Port;
use crate::context::{Cancelled, Context, Report};
use crate::job::Job;
use crate::wire::Outcome;

/// Carries values of type `T` as `V`.
pub(crate) type Pack<T, V> = fn(T) -> Result<V, String>;

/// Runs a job that `unpack` makes, and says how it ended. Its panics are caught, also those of
/// `unpack`, which may call the job's own code.
pub(crate) fn run<J: Job, V>(
    port: &mut dyn Port<V>,
    unpack: impl FnOnce() -> Result<J, String>,
    pack_progress: Pack<J::Progress, V>,
    pack_output: Pack<J::Output, V>,
) -> Outcome<V> {
    let panic = RefCell::new(None);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _note = NotePanic(&panic);
        let job = match unpack() {
            Ok(job) => job,
            Err(reason) => return Outcome::Undecodable(reason),
        };
        Execution { port, pack: pack_progress, newest: None, told: false, fault: None }
            .run(job, pack_output)
    }));
    caught.unwrap_or_else(|_| panic.into_inner().unwrap_or_else(unknown_panic))
}

struct Execution<'a, P, V> {
    port: &'a mut dyn Port<V>,
    pack: Pack<P, V>,
    /// Progress that there was no room for.
    newest: Option<P>,
    /// The job was told that it is cancelled.
    told: bool,
    /// Why some of the progress was not sent.
    fault: Option<String>,
}

impl<P, V> Execution<'_, P, V> {
    fn run<J: Job<Progress = P>>(mut self, job: J, pack: Pack<J::Output, V>) -> Outcome<V> {
        let result = job.run(&mut Context::<J>::new(&mut self));
        if let Some(newest) = self.newest.take() {
            self.send(newest, |port, value| port.send_last(value));
        }
        match (result, self.fault) {
            (Err(_), _) if self.told => Outcome::Cancelled,
            (Err(error), _) => Outcome::Failed(Text::new(error).as_str().to_owned()),
            (Ok(_), Some(fault)) => {
                Outcome::Undecodable(format!("its progress was not sent: {fault}"))
            }
            (Ok(output), None) => match pack(output) {
                Ok(output) => Outcome::Completed(output),
                Err(reason) => Outcome::Undecodable(format!("its output was not sent: {reason}")),
            },
        }
    }

    fn send(
        &mut self,
        progress: P,
        send: impl FnOnce(&mut dyn Port<V>, V) -> Result<(), SendErrorKind>,
    ) {
        let sent = (self.pack)(progress).and_then(|value| match send(self.port, value) {
            // The foreground is gone, or does not want the job any more.
            Err(SendErrorKind::Closed | SendErrorKind::Disconnected) | Ok(()) => Ok(()),
            Err(kind) => Err(kind.to_string()),
        });
        if let Err(reason) = sent {
            self.fault.get_or_insert(reason);
        }
    }
}

impl<P, V> Report<P> for Execution<'_, P, V> {
    fn progress(&mut self, progress: P) {
        if self.port.is_clear() {
            self.newest = None;
            self.send(progress, |port, value| port.send_clear(value));
        } else {
            self.newest = Some(progress);
        }
    }

    fn emit(&mut self, progress: P) -> Result<(), Cancelled> {
        // In order: what was kept back comes before.
        if let Some(newest) = self.newest.take() {
            self.emit(newest)?;
        }
        if let Err(cancelled) = self.port.wait_for_credit() {
            self.told = true;
            return Err(cancelled);
        }
        self.send(progress, |port, value| port.send_credited(value));
        Ok(())
    }

    fn is_cancelled(&mut self) -> bool {
        if self.newest.is_some()
            && self.port.is_clear()
            && let Some(newest) = self.newest.take()
        {
            self.send(newest, |port, value| port.send_clear(value));
        }
        self.told |= self.port.is_cancelled();
        self.told
    }
}

/// Notes the panic that unwinds it.
struct NotePanic<'a, V>(&'a RefCell<Option<Outcome<V>>>);

impl<V> Drop for NotePanic<'_, V> {
    fn drop(&mut self) {
        if let Some(panic) = homing_panic::current() {
            *self.0.borrow_mut() = Some(Outcome::Panicked {
                message: panic.message.as_str().to_owned(),
                location: panic.location.as_str().to_owned(),
                backtrace: homing_panic::backtrace(),
            });
        }
    }
}

fn unknown_panic<V>() -> Outcome<V> {
    Outcome::Panicked { message: String::new(), location: String::new(), backtrace: None }
}
