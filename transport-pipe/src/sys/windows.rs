//! OS pipes on Windows. Anonymous pipes block there, and cannot be watched.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::windows::io::OwnedHandle;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use homing_core::{Disconnected, LinkEnd, ProtocolError};
use homing_process::PumpStatus;

use super::{Piece, READ};

/// No write is refused for want of room, so none has to be kept short.
pub(crate) const ATOMIC: usize = homing_core::frame::MAX_FRAME;

/// The worker's end.
pub(crate) struct Writer(File);

impl Writer {
    pub(crate) fn new(handle: OwnedHandle) -> io::Result<Self> {
        Ok(Self(handle.into()))
    }

    /// Writes `first` and `second`. It waits for room.
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> Result<Option<usize>, Disconnected> {
        let mut file = &self.0;
        file.write_all(first).and_then(|()| file.write_all(second)).map_err(|_| Disconnected)?;
        Ok(Some(first.len() + second.len()))
    }

    /// There is nothing to wait for: [`write`](Writer::write) has waited.
    pub(crate) fn wait(&self) {}
}

/// Makes the foreground's end: at most about `buffer` bytes wait between the two parts.
pub(crate) fn pump(reader: OwnedHandle, buffer: usize) -> io::Result<(Pump, Incoming)> {
    let (sender, pieces) = bounded((buffer / READ).max(1));
    Ok((Pump { reader: reader.into(), pieces: sender }, Incoming { pieces }))
}

/// Reads the pipe on a thread of its own. It waits, for bytes and for room.
pub(crate) struct Pump {
    reader: File,
    pieces: Sender<Piece>,
}

impl homing_process::ReadyPump for Pump {
    fn pump(&mut self, _worker_gone: bool) -> PumpStatus {
        let mut bytes = vec![0; READ];
        let piece = match self.reader.read(&mut bytes) {
            // A pipe without writer.
            Ok(0) => Piece::End,
            Ok(len) => {
                bytes.truncate(len);
                bytes.shrink_to_fit();
                Piece::Bytes(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return PumpStatus::Pending,
            // Without a word: the inlet says that the link is broken.
            Err(_) => return PumpStatus::Closed,
        };
        let ended = matches!(piece, Piece::End);
        match self.pieces.send(piece) {
            Ok(()) if !ended => PumpStatus::Pending,
            // At the end, or the inlet is gone.
            _ => PumpStatus::Closed,
        }
    }
}

/// Where the inlet finds what the pump has read.
pub(crate) struct Incoming {
    pieces: Receiver<Piece>,
}

impl Incoming {
    /// The bytes that follow, `None` when none are here now.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, LinkEnd> {
        match self.pieces.try_recv() {
            Ok(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Ok(Piece::End) => Err(LinkEnd::Gone(None)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(LinkEnd::Refused(ProtocolError::Broken)),
        }
    }
}
