//! Reads a line on a thread of its own.

use std::io::{self, ErrorKind, Read};
use std::thread;

use homing_core::{LinkEnd, Pinger};

use crate::READ;
use crate::intake::Feed;

/// Starts the thread. It rings `bell` when it has read something, and when the line ends.
pub(crate) fn read(
    reader: Box<dyn Read + Send>,
    feed: Feed,
    bell: impl Pinger + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new().name("homing-serial".into()).spawn(move || {
        // Dropped after the feed, also when the reader panics: an inlet may learn of the end
        // from the feed's drop alone.
        let bell = AtLast(bell);
        run(reader, &feed, &bell.0);
        drop(feed);
    })?;
    Ok(())
}

fn run(mut reader: Box<dyn Read + Send>, feed: &Feed, bell: &impl Pinger) {
    let mut buffer = [0; READ];
    while feed.wait_for_room() {
        match reader.read(&mut buffer) {
            Ok(0) => return feed.end(LinkEnd::Gone(None)),
            Ok(len) => {
                feed.put(buffer.get(..len).unwrap_or(&[]));
                bell.ping();
            }
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
                // Without a word: the inlet says that the link is broken.
                _ => return,
            },
        }
    }
}

struct AtLast<P: Pinger>(P);

impl<P: Pinger> Drop for AtLast<P> {
    fn drop(&mut self) {
        self.0.ping();
    }
}
