//! What a worker process does.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use homing::RecvError;
use homing::worker::{self, Receiver, Sender};
use serde::{Deserialize, Serialize};

/// What it is told.
#[derive(Serialize, Deserialize)]
pub enum Order {
    /// To crash after this time.
    Crash(Duration),
}

/// What it reports.
#[derive(Serialize, Deserialize)]
pub struct Beat {
    /// How many it has sent.
    pub count: u64,
}

/// Between two reports.
const EVERY: Duration = Duration::from_millis(100);

/// The main function of a worker process.
pub fn run() -> ExitCode {
    worker::run_duplex(report)
}

/// Reports until the daemon stops, or until it is to crash.
fn report(orders: &mut Receiver<Order>, sender: &mut Sender<Beat>) -> anyhow::Result<()> {
    let mut crash = None;
    let mut count = 0;
    loop {
        match orders.recv_timeout(EVERY) {
            Ok(Order::Crash(after)) => crash = Instant::now().checked_add(after),
            Err(RecvError::Empty) => {
                if crash.is_some_and(|crash| crash <= Instant::now()) {
                    std::process::abort();
                }
                count += 1;
                sender.send(Beat { count })?;
            }
            // The daemon stops, or is gone.
            Err(_) => return Ok(()),
        }
    }
}
