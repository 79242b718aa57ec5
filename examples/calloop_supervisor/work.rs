//! What a worker process does.

use std::io::{self, BufRead as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use homing::worker;
use serde::{Deserialize, Serialize};

/// What it reports.
#[derive(Serialize, Deserialize)]
pub struct Beat {
    /// How many it has sent.
    pub count: u64,
}

/// Between two reports.
const EVERY: Duration = Duration::from_millis(100);

/// Reports until its standard input is closed, or until it is to crash: the first line of
/// standard input says after how many milliseconds, or nothing.
pub fn work() -> anyhow::Result<()> {
    let mut order = String::new();
    io::stdin().lock().read_line(&mut order)?;
    let crash = match order.trim() {
        "" => None,
        text => {
            let time = Duration::from_millis(text.parse().context("the time until the crash")?);
            Instant::now().checked_add(time)
        }
    };

    let (open, closed) = channel::<()>();
    thread::spawn(move || {
        // Whatever comes, the end of it is what matters; an error is one as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(open);
    });

    worker::sender::<Beat>()?.scope(|sender| {
        let mut count = 0;
        while let Err(RecvTimeoutError::Timeout) = closed.recv_timeout(EVERY) {
            if crash.is_some_and(|crash| crash <= Instant::now()) {
                std::process::abort();
            }
            count += 1;
            sender.send(Beat { count })?;
        }
        Ok(())
    })
}
