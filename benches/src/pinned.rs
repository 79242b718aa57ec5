//! What hostile workers pin in the foreground's memory.

use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::process::ChildStdin;
use std::{fmt, iter};

use anyhow::{Context as _, ensure};
use homing::pipe::Pipe;
use homing::shm::{RawBytes, Shm};
use homing::std_loop::EventLoop;
use homing::transport::frame::{Header, MAX_BODY};
use homing::transport::{ConnectionId, Inherited, MAX_LINK_OVERHEAD, MAX_PARTIAL};
use homing::{Disconnected, Event, ProcessTransport, Router, SendErrorKind, Ticket, worker};
use serde::{Deserialize, Deserializer, Serialize, de::Visitor};

use crate::memory::Counting;
use crate::role::Role;
use crate::row::{Beside, Figure, Goal, Row, Settings};

pub(crate) const ROWS: &[Row] = &[
    pinned("pinned-1", |_| measure(1, &pipe(), Role::Hoard, BUFFER)),
    pinned("pinned-64", |_| measure(64, &pipe(), Role::Hoard, BUFFER)),
    // What is counted does not include the ring.
    pinned("pinned-shm-1", |_| measure(1, &shm(), Role::HoardLegally, 0)),
    pinned("pinned-shm-64", |_| measure(64, &shm(), Role::HoardLegally, 0)),
];

const fn pinned(name: &'static str, measure: fn(&Settings) -> anyhow::Result<Figure>) -> Row {
    Row { name, unit: "KiB", goal: Goal::TimesAtMost(1.0), measure }
}

/// The longest message, and what the foreground buffers of a link.
const LIMIT: usize = 1024 * 1024;
const BUFFER: usize = 256 * 1024;

/// So small that the messages of the last step travel in fragments.
const RING: usize = 32 * 1024;

fn pipe() -> Pipe {
    Pipe::new().limit(LIMIT).buffer(BUFFER)
}

fn shm() -> Shm {
    Shm::new().limit(LIMIT).ring(RING)
}

/// As many pipes as may have a message in fragments at once, but for one.
const PIPES: usize = MAX_PARTIAL - 1;

/// A message whose bytes are not kept. It is never sent by the library.
#[derive(Serialize)]
struct Discarded;

impl RawBytes for Discarded {}

impl<'de> Deserialize<'de> for Discarded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Discard;
        impl Visitor<'_> for Discard {
            type Value = Discarded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, _: &[u8]) -> Result<Discarded, E> {
                Ok(Discarded)
            }
        }
        deserializer.deserialize_bytes(Discard)
    }
}

/// What was heard of all workers.
#[derive(Default)]
struct App {
    ready: usize,
    refused: usize,
    ended: usize,
}

/// The most that each of so many workers pins, beside what it may: `buffer` beside the limit.
fn measure(
    workers: usize,
    transport: &(impl ProcessTransport + Clone),
    role: Role,
    buffer: usize,
) -> anyhow::Result<Figure> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let before = Counting::begin();
    let mut app = App::default();
    let started: Vec<_> = iter::repeat_with(|| start(&router, transport.clone(), role))
        .take(workers)
        .collect::<anyhow::Result<_>>()?;
    event_loop
        .run_until(&router, &mut app, |app| app.ready == workers * (LARGE + 1) || app.ended > 0)?;
    let most = Counting::peak() - before;
    Counting::end();
    ensure!(app.ended == 0, "a worker has ended before its time");
    drop(started);
    event_loop.run_until(&router, &mut app, |app| app.ended == workers * (PIPES + 1))?;
    if let Role::Hoard = role {
        ensure!(app.refused == app.ended, "{} of {} were refused", app.refused, app.ended);
    }
    router.stop(&mut app)?;
    let (ours, reference) =
        (most as f64 / workers as f64, (LIMIT + buffer + MAX_LINK_OVERHEAD) as f64);
    let ratio = ours / reference;
    let beside = Beside { reference: reference / 1024.0, ratio, spread: (ratio, ratio) };
    Ok(Figure { ours: ours / 1024.0, beside: Some(beside) })
}

/// Starts one worker, which has what it needs when this returns.
fn start(
    router: &Router<App>,
    transport: impl ProcessTransport,
    role: Role,
) -> anyhow::Result<ChildStdin> {
    let hear = |app: &mut App, event: Event<Discarded>| match event {
        Event::Message(_) => app.ready += 1,
        Event::Ended(end) => {
            app.ended += 1;
            app.refused += usize::from(matches!(end, homing::End::Refused(_)));
        }
    };
    let (worker, _) = router.spawn(transport, role.command()?).pipe(hear)?;
    let mut stdin = worker.take_stdin().context("a standard input")?;
    for _ in 0..PIPES {
        let (ticket, _): (Ticket<Discarded>, _) = worker.pipe(hear)?;
        writeln!(stdin, "{ticket}")?;
    }
    Ok(stdin)
}

/// How many messages of the limit a worker writes.
const LARGE: usize = 4;

/// The worker: writes frames past the library's worker end. First messages of the limit, each
/// followed by the beginning of a tiny one, for which its buffer could serve. Those are discarded,
/// and followed by as many and as long messages as may be on their way, each but for its last
/// byte. When its standard input ends, one that is longer than it said.
pub(crate) fn hoard() -> anyhow::Result<()> {
    let Inherited { handles, ticket, .. } = Inherited::take()?;
    let mut link = Hostile(handles.into_iter().next().context("a handle")?.into());
    let first: Ticket<Discarded> = ticket.context("a ticket")?.parse()?;
    let mut lines = io::stdin().lock().lines();
    let mut tickets = Vec::new();
    for line in lines.by_ref().take(PIPES) {
        tickets.push(line?.parse::<Ticket<Discarded>>()?);
    }
    link.write(Header::PREFACE, &[])?;
    for ticket in iter::once(&first).chain(&tickets) {
        let (header, name) =
            Header::start(ticket.connection(), ticket.nonce(), ticket.message_type());
        link.write(header, name)?;
    }
    let pipes = || tickets.iter().map(Ticket::connection);
    for (connection, number) in pipes().zip(0..LARGE) {
        let total = LIMIT - 2 * number;
        link.begin(first.connection(), total)?;
        link.write(Header::Fragment { connection: first.connection() }, &[0])?;
        link.begin(connection, 2)?;
    }
    for connection in pipes().take(LARGE) {
        link.write(Header::Reset { connection }, &[])?;
    }
    for connection in pipes() {
        link.begin(connection, LIMIT / PIPES)?;
    }
    link.write(Header::Message { connection: first.connection() }, &[0])?;
    lines.for_each(drop);
    for connection in pipes() {
        link.write(Header::Fragment { connection }, &[0; 2])?;
    }
    Ok(())
}

/// The same as far as the library's worker end lets it: the link is not broken, but aborted.
pub(crate) fn hoard_legally() -> anyhow::Result<()> {
    let mut first = worker::bytes_sender::<Discarded>()?;
    first.start()?;
    let link = worker::link()?;
    let mut lines = io::stdin().lock().lines();
    let mut senders = Vec::new();
    for line in lines.by_ref().take(PIPES) {
        senders.push(link.bytes_sender::<Discarded>(line?.parse()?)?);
    }
    let wait = || lines.for_each(drop);
    write_legally(&mut first, &mut senders, wait).map_err(|_| Disconnected)?;
    std::process::exit(1)
}

/// `wait` is called when all is written.
fn write_legally(
    first: &mut worker::ReservingSender<Discarded>,
    senders: &mut [worker::ReservingSender<Discarded>],
    wait: impl FnOnce(),
) -> Result<(), SendErrorKind> {
    let bytes = &vec![0; LIMIT - 3];
    for _ in 0..LARGE {
        let mut message = first.reserve(bytes.len())?;
        message.write(bytes)?;
        message.commit()?;
    }
    let mut messages = Vec::new();
    for sender in senders {
        sender.start().map_err(|_| SendErrorKind::Disconnected)?;
        let len = LIMIT / PIPES - 3;
        let mut message = sender.reserve(len)?;
        message.write(bytes.get(1..len).unwrap_or(&[]))?;
        messages.push(message);
    }
    first.reserve(0)?.commit()?;
    wait();
    Ok(())
}

/// A link's writing end.
struct Hostile(File);

impl Hostile {
    fn write(&mut self, header: Header, body: &[u8]) -> io::Result<()> {
        self.0.write_all(&header.frame(body))
    }

    /// Writes a message of bytes, but for the last one.
    fn begin(&mut self, connection: ConnectionId, total: usize) -> anyhow::Result<()> {
        // Its length, as a varint of three bytes.
        let len = total.saturating_sub(3);
        let mut bytes = vec![len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8];
        bytes.resize(total, 0);
        let mut header = Header::FirstFragment { connection, total: u32::try_from(total)? };
        for body in bytes.get(..total - 1).unwrap_or(&[]).chunks(MAX_BODY) {
            self.write(header, body)?;
            header = Header::Fragment { connection };
        }
        Ok(())
    }
}
