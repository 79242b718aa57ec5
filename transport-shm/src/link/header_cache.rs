//! Recognising the header that most frames have: that of another message of the same pipe.

use std::ops::Range;

use homing_core::ConnectionId;
use homing_mux::frame::{Header, MAX_BODY, MAX_HEADER};

/// The header of the messages of one pipe, as the bytes that such a frame begins with. A frame
/// that begins with them need not be parsed: no header is the beginning of another.
pub(crate) struct HeaderCache {
    connection: ConnectionId,
    /// The first `len` bytes, of which the mask is made.
    header: u64,
    mask: u64,
    /// 0 when there is none.
    len: usize,
    /// The longest body of such a frame.
    max_body: usize,
}

impl HeaderCache {
    /// None, of a link whose messages have at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let connection = ConnectionId::from_parts(0, 0);
        Self { connection, header: 0, mask: 0, len: 0, max_body: limit.min(MAX_BODY) }
    }

    /// Expects messages of this pipe. One has been accepted: the preface has come.
    pub(crate) fn set(&mut self, connection: ConnectionId) {
        let mut bytes = [0; MAX_HEADER];
        let len = Header::Message { connection }.encode(&mut bytes).len();
        self.len = 0;
        if let (1..=8, Some(first)) = (len, bytes.first_chunk()) {
            self.connection = connection;
            self.header = u64::from_le_bytes(*first);
            self.mask = u64::MAX >> (64 - 8 * len);
            self.len = len;
        }
    }

    /// Where the body of the frame at `place` is, if the frame is an expected one.
    #[inline]
    pub(crate) fn find(
        &self,
        bytes: &[u8],
        place: &Range<usize>,
    ) -> Option<(ConnectionId, Range<usize>)> {
        // It may be longer than the frame; what follows is masked out.
        let first = u64::from_le_bytes(*bytes.get(place.start..)?.first_chunk()?);
        let body = place.start + self.len..place.end;
        // An empty range is one of no length, also when its end comes first.
        let expected = self.len != 0
            && first & self.mask == self.header
            && body.start <= body.end
            && body.len() <= self.max_body;
        expected.then_some((self.connection, body))
    }
}
