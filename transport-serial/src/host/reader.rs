//! Whoever reads the line: the thread that watches the doorbells, or one of its own.

use std::io::{self, ErrorKind, Read};
use std::thread;

use homing_core::Pinger;

use crate::host::pieces::{PIECE, Piece, Pieces, Put, pieces};

/// How many reads one call of the pump makes at most.
#[cfg(unix)]
const READS: usize = 4;

/// Reads once, at most a piece.
fn read(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; PIECE];
    let len = reader.read(&mut bytes)?;
    bytes.truncate(len);
    // A line is slow: most pieces are short, and many may wait.
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Starts the thread that reads, and rings after each piece.
pub(crate) fn threaded(
    mut reader: impl Read + Send + 'static,
    bell: Box<dyn Pinger + Send>,
) -> io::Result<Pieces> {
    let (put, pieces) = pieces();
    thread::Builder::new().name("homing-serial".into()).spawn(move || {
        loop {
            let (piece, last) = match read(&mut reader) {
                Ok(bytes) if bytes.is_empty() => (Piece::End(None), true),
                Ok(bytes) => (Piece::Bytes(bytes), false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => (Piece::End(Some(error)), true),
            };
            let heard = put.wait(piece);
            bell.ping();
            if last || !heard {
                return;
            }
        }
    })?;
    Ok(pieces)
}

/// Makes the descriptor one that does not block, and what reads it when it is readable.
#[cfg(unix)]
pub(crate) fn watched<R>(reader: R) -> io::Result<(Watched<R>, Pieces)>
where
    R: Read + std::os::fd::AsFd + Send,
{
    rustix::io::ioctl_fionbio(&reader, true)?;
    let (put, pieces) = pieces();
    Ok((Watched { reader, put }, pieces))
}

/// Reads on the thread that watches the doorbells.
#[cfg(unix)]
pub(crate) struct Watched<R> {
    reader: R,
    put: Put,
}

#[cfg(unix)]
impl<R: Read + std::os::fd::AsFd + Send> homing_process::Pump for Watched<R> {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.reader.as_fd()
    }

    fn pump(&mut self, _: bool) -> homing_process::Pumped {
        use homing_process::Pumped;
        for _ in 0..READS {
            if !self.put.has_room() {
                return Pumped::Full;
            }
            let (piece, pumped) = match read(&mut self.reader) {
                Ok(bytes) if bytes.is_empty() => (Piece::End(None), Pumped::Ended),
                Ok(bytes) => (Piece::Bytes(bytes), Pumped::More),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Pumped::Drained,
                    ErrorKind::Interrupted => continue,
                    _ => (Piece::End(Some(error)), Pumped::Ended),
                },
            };
            if !self.put.put(piece) {
                return Pumped::Ended;
            }
            if pumped == Pumped::Ended {
                return Pumped::Ended;
            }
        }
        Pumped::More
    }
}
