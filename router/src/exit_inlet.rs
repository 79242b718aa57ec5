//! What comes from a worker process when its link has ended: how the process ended.

use std::cell::OnceCell;
use std::rc::Rc;

use homing_core::{Arrival, Inlet, LinkEnd, Lost, Text};
use homing_process::ChildProcess;

/// Follows the inlet of a link whose worker is gone. The link closes a moment before the process
/// has ended; its end rings.
pub(crate) struct ExitInlet {
    child: Rc<OnceCell<ChildProcess>>,
    /// How the link ended.
    lost: Lost,
}

impl ExitInlet {
    /// `child` is set once the process has been started.
    pub(crate) fn new(child: Rc<OnceCell<ChildProcess>>, lost: Lost) -> Self {
        Self { child, lost }
    }
}

impl Inlet for ExitInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let lost = self.lost.clone();
        let Some(child) = self.child.get() else { return Err(LinkEnd::Gone(lost)) };
        let Some(exit) = child.exit() else { return Ok(None) };
        let stderr = Text::new(child.stderr_tail().join("\n"));
        let deadline = child.missed_start_deadline();
        let lost = lost.with_exit(exit).with_start_deadline(deadline).with_stderr(stderr);
        Err(LinkEnd::Gone(lost))
    }
}
