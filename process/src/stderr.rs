//! The last lines of a worker's standard error.

use std::collections::VecDeque;
use std::io::{Read, Write as _};
use std::process::ChildStderr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::system::{Process, Streams};

/// The most bytes of a line that are kept.
const MAX_LINE: usize = 4096;

/// How long the lines of a process that was reaped are waited for: its last words are in the
/// pipe already.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// A thread that reads a worker's standard error, keeps its last lines, and passes all on to
/// that of the foreground.
pub(crate) struct StderrTail(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    finished: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// The line that has no end yet.
    partial: Vec<u8>,
    max_lines: usize,
    finished: bool,
}

impl StderrTail {
    /// Starts to read, if there is something to read and to keep.
    pub(crate) fn start(streams: &mut Streams, process: &Process, lines: usize) -> Option<Self> {
        if lines == 0 {
            return None;
        }
        let stderr = streams.stderr.take()?;
        let shared = Arc::new(Shared::default());
        shared.lock().max_lines = lines;
        let reader = Reader::new(stderr, process);
        let theirs = Arc::clone(&shared);
        let started = thread::Builder::new()
            .name("homing-stderr".into())
            .spawn(move || theirs.read_all(reader));
        if let Err(error) = started {
            log::warn!("the standard error of a worker is not captured: {error}");
            return None;
        }
        Some(Self(shared))
    }

    /// The lines so far; all of them, once the process `ended`.
    pub(crate) fn lines(&self, ended: bool) -> Vec<String> {
        let mut state = self.0.lock();
        if ended && !state.finished {
            let waited =
                self.0.finished.wait_timeout_while(state, DRAIN_TIMEOUT, |state| !state.finished);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let partial = (!state.partial.is_empty()).then_some(&state.partial);
        let lines = state.lines.iter().chain(partial);
        let skipped = lines.clone().count().saturating_sub(state.max_lines);
        lines.skip(skipped).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_all(&self, mut reader: Reader) {
        let mut buffer = [0; 4096];
        while let Some(read) = reader.read(&mut buffer) {
            self.lock().add(read);
            // The foreground may have closed it.
            let _ = std::io::stderr().write_all(read);
        }
        self.lock().finished = true;
        self.finished.notify_all();
    }
}

impl State {
    fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = MAX_LINE.saturating_sub(self.partial.len());
            self.partial.extend(text.iter().take(room));
            if ends {
                if self.lines.len() >= self.max_lines {
                    self.lines.pop_front();
                }
                self.lines.push_back(std::mem::take(&mut self.partial));
            }
        }
    }
}

/// Reads until all writers have closed the stream or, where that can be told, until the worker
/// has ended and nothing is left: a process that it started may hold the stream for longer.
struct Reader {
    stderr: ChildStderr,
    #[cfg(unix)]
    pidfd: Option<std::os::fd::OwnedFd>,
}

impl Reader {
    fn new(stderr: ChildStderr, process: &Process) -> Self {
        #[cfg(not(unix))]
        let _ = process;
        Self {
            stderr,
            #[cfg(unix)]
            pidfd: process.pidfd().and_then(|pidfd| pidfd.try_clone_to_owned().ok()),
        }
    }

    fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        if !self.wait() {
            return None;
        }
        loop {
            match self.stderr.read(buffer) {
                Ok(0) => return None,
                Ok(len) => return buffer.get(..len),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Whether there is, or will be, something to read.
    #[cfg(unix)]
    fn wait(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};

        let Some(pidfd) = &self.pidfd else { return true };
        loop {
            let mut entries =
                [PollFd::new(&self.stderr, PollFlags::IN), PollFd::new(pidfd, PollFlags::IN)];
            match poll(&mut entries, None) {
                Err(rustix::io::Errno::INTR) | Ok(0) => {}
                Err(_) => return true,
                // What the worker wrote was written before its end.
                Ok(_) => return !entries[0].revents().is_empty(),
            }
        }
    }

    #[cfg(not(unix))]
    fn wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_long_ones_are_cut() {
        let shared = Arc::new(Shared::default());
        shared.lock().max_lines = 2;
        let tail = StderrTail(Arc::clone(&shared));
        shared.lock().add(b"one\ntw");
        assert_eq!(tail.lines(false), ["one", "tw"]);
        shared.lock().add(b"o\n\nfour");
        assert_eq!(tail.lines(false), ["", "four"]);
        shared.lock().add(&[b'x'; 10_000]);
        assert_eq!(tail.lines(false)[1].len(), MAX_LINE);
        shared.lock().add(b"\n");
        assert_eq!(tail.lines(false).len(), 2);
    }
}
