//! What a worker process does.

use std::fmt;
use std::io::{self, BufRead as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, bail};
use homing::{Ticket, worker};
use serde::{Deserialize, Serialize};

use crate::fractal;
use crate::tile::{self, Job, Pass, Tile};
use crate::view::View;

/// What a worker says of itself, on its first pipe: that it has turned to a view.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    pub turn: u64,
}

/// A line of a worker's standard input.
pub enum Order {
    /// From now on, draw tiles of this view, and send them on this pipe. What was to be drawn
    /// of an earlier one is abandoned.
    Turn {
        turn: u64,
        view: View,
        ticket: Ticket<Tile>,
    },
    Draw(Job),
}

/// The main function of a worker process. It ends with its standard input.
pub fn run(link: worker::WorkerLink) -> anyhow::Result<()> {
    worker::sender()?.scope(|life| draw_all(&link, life))
}

fn draw_all(link: &worker::WorkerLink, life: &mut worker::Sender<Ready>) -> anyhow::Result<()> {
    let (latest, orders) = read_orders();

    let mut at = None;
    for order in orders {
        match order? {
            Order::Turn { turn, view, ticket } => {
                let mut tiles = link.sender(ticket);
                tiles.start()?;
                // The pipe of the view before is dropped here, if it was not closed.
                at = Some((turn, view, tiles));
                life.send(Ready { turn })?;
            }
            Order::Draw(job) => {
                let (turn, view, tiles) = at.as_mut().context("a tile of no view")?;
                let Job { index, pass } = job;
                let area = tile::area(view, index).context("no such tile")?;
                // Relaxed: all that hangs on it is when the next line is not drawn any more.
                let abandoned = || latest.load(Ordering::Relaxed) != *turn;
                if let Some(colours) = fractal::draw(view, area, pass, abandoned) {
                    tiles.send(Tile { index, pass, colours })?;
                }
            }
        }
    }
    Ok(())
}

/// Reads ahead, on a thread of its own: so it is seen at once when a view is abandoned.
fn read_orders() -> (Arc<AtomicU64>, mpsc::Receiver<anyhow::Result<Order>>) {
    let latest = Arc::new(AtomicU64::new(0));
    let (orders, received) = mpsc::channel();
    let newest = Arc::clone(&latest);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let order = line.context("standard input").and_then(|line| line.parse());
            if let Ok(Order::Turn { turn, .. }) = order {
                newest.store(turn, Ordering::Relaxed);
            }
            if orders.send(order).is_err() {
                return;
            }
        }
    });
    (latest, received)
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Turn { turn, view, ticket } => write!(f, "turn {turn} {view} {ticket}"),
            Order::Draw(Job { index, pass }) => write!(f, "draw {index} {}", pass.word()),
        }
    }
}

impl FromStr for Order {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["turn", turn, view, ticket] => Ok(Order::Turn {
                turn: turn.parse()?,
                view: view.parse()?,
                ticket: ticket.parse()?,
            }),
            ["draw", index, pass] => {
                let pass = Pass::from_word(pass).context("no such pass")?;
                Ok(Order::Draw(Job { index: index.parse()?, pass }))
            }
            _ => bail!("not an order: {line}"),
        }
    }
}
