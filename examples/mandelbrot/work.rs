//! What a worker process does.

use std::io::{self, BufRead as _};
use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;
use homing::worker::{self, Link};

use crate::tiles::{Drawn, Job};

/// Draws the tiles that standard input asks for, until it ends. Jobs that came before one for
/// another pipe are not wanted any more.
pub fn work(link: &Link) -> anyhow::Result<()> {
    // Its end says that this worker has ended, and how.
    let mut life = worker::sender::<()>()?;
    let _life = life.scope()?;
    let jobs = read_jobs()?;
    let mut sender = None;
    while let Ok(first) = jobs.recv() {
        let mut wanted = vec![first];
        loop {
            for job in jobs.try_iter() {
                if wanted.last().is_some_and(|last| last.ticket != job.ticket) {
                    wanted.clear();
                }
                wanted.push(job);
            }
            if wanted.is_empty() {
                break;
            }
            let Job { ticket, view, tile } = wanted.remove(0);
            if !matches!(&sender, Some((current, _)) if *current == ticket) {
                let mut new = link.sender::<Drawn>(ticket.parse()?);
                new.start()?;
                // The one before stops.
                sender = Some((ticket, new));
            }
            if let Some((_, sender)) = &mut sender {
                sender.send(Drawn { tile, pixels: tile.draw(&view) }).context("tile")?;
            }
        }
    }
    Ok(())
}

/// Reads on a thread of its own, so that what is abandoned need not be drawn first.
fn read_jobs() -> io::Result<mpsc::Receiver<Job>> {
    let (put, jobs) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        for line in io::stdin().lock().lines() {
            let Some(job) = line.ok().as_deref().and_then(Job::read) else { return };
            if put.send(job).is_err() {
                return;
            }
        }
    })?;
    Ok(jobs)
}
