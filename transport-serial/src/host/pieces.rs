//! The bytes on their way from whoever reads them to the inlet.

use std::io;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use homing_core::{LinkEnd, Refusal};

/// The most bytes of one piece.
pub(crate) const PIECE: usize = 4096;

/// How many pieces wait at most. Whoever reads does not read on until there is room.
const WAITING: usize = 16;

/// What comes over the line.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The line has ended, with an error if it did not end well.
    End(Option<io::Error>),
}

/// Where pieces are put.
pub(crate) struct Put(Sender<Piece>);

/// Where they come out.
pub(crate) struct Pieces(Receiver<Piece>);

pub(crate) fn pieces() -> (Put, Pieces) {
    let (put, pieces) = bounded(WAITING);
    (Put(put), Pieces(pieces))
}

impl Put {
    pub(crate) fn has_room(&self) -> bool {
        !self.0.is_full()
    }

    /// Puts a piece where there was room for it: only its owner puts any. False when nobody
    /// takes them any more.
    pub(crate) fn put(&self, piece: Piece) -> bool {
        !matches!(self.0.try_send(piece), Err(TrySendError::Disconnected(_)))
    }

    /// Waits for room. False when nobody takes them any more.
    pub(crate) fn wait(&self, piece: Piece) -> bool {
        self.0.send(piece).is_ok()
    }
}

impl Pieces {
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, LinkEnd> {
        match self.0.try_recv() {
            Ok(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Ok(Piece::End(None)) => Err(LinkEnd::Gone(None)),
            Err(TryRecvError::Empty) => Ok(None),
            Ok(Piece::End(Some(_))) | Err(TryRecvError::Disconnected) => {
                Err(LinkEnd::Refused(Refusal::Broken))
            }
        }
    }
}
