//! What arrives from a worker process.

use std::cell::OnceCell;
use std::rc::Rc;

use homing_core::{Arrival, ConnectionId, Inlet, LinkEnd, Lost, Text};
use homing_process::ChildProcess;

/// What comes from a worker process, and then how the process ended.
pub(crate) struct ProcessInlet {
    inlet: Box<dyn Inlet>,
    child: Rc<OnceCell<ChildProcess>>,
    /// How the link ended: nothing comes over it any more.
    over: Option<Lost>,
}

impl ProcessInlet {
    /// `child` is set once the process has been started.
    pub(crate) fn new(inlet: Box<dyn Inlet>, child: Rc<OnceCell<ChildProcess>>) -> Self {
        Self { inlet, child, over: None }
    }
}

impl Inlet for ProcessInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if self.over.is_none() {
            match self.inlet.poll() {
                Err(LinkEnd::Gone(lost)) => self.over = Some(lost),
                Ok(Some(arrival)) => {
                    if let Arrival::Started { connection, .. } = arrival {
                        log_start(&self.child, connection);
                    }
                    return Ok(Some(arrival));
                }
                other => return other,
            }
        }
        let lost = self.over.clone().unwrap_or_default();
        // The link closes a moment before the process has ended; its end rings.
        let Some(child) = self.child.get() else { return Err(LinkEnd::Gone(lost)) };
        match child.exit() {
            Some(exit) => {
                let stderr = Text::new(child.stderr_tail().join("\n"));
                let deadline = child.missed_start_deadline();
                let lost = lost.with_exit(exit).with_start_deadline(deadline).with_stderr(stderr);
                Err(LinkEnd::Gone(lost))
            }
            None => Ok(None),
        }
    }
}

#[cold]
fn log_start(child: &OnceCell<ChildProcess>, connection: ConnectionId) {
    if let Some(worker) = child.get() {
        log::debug!(target: "homing::pipe", "pipe {connection} was started by {worker}");
    }
}
