//! The worker's end, on writers in memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use embedded_io::{ErrorKind, ErrorType};
use homing_core::SenderState;

use super::*;

/// A writer that fails after so many bytes, until it is mended.
#[derive(Clone, Default)]
struct Uart {
    written: Rc<RefCell<Vec<u8>>>,
    left: Rc<Cell<Option<usize>>>,
    flushed: Rc<Cell<usize>>,
    /// Takes nothing, rather than fail.
    refuses: bool,
}

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self.left.get() {
            Some(0) if self.refuses => return Ok(0),
            Some(0) => return Err(ErrorKind::Other),
            left => self.left.set(left.map(|left| left - 1)),
        }
        // One byte at a time.
        self.written.borrow_mut().push(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushed.set(self.flushed.get() + 1);
        Ok(())
    }
}

impl Uart {
    fn len(&self) -> usize {
        self.written.borrow().len()
    }
}

#[cfg(feature = "std")]
fn frames(uart: &Uart) -> Vec<crate::frame::Segment> {
    let mut bytes = uart.written.borrow().clone();
    let segments = bytes.split_mut(|byte| *byte == 0).filter(|segment| !segment.is_empty());
    segments.map(crate::frame::decode).collect()
}

#[test]
fn a_port_has_one_sender_in_a_run() {
    let line: Line<_> = Line::new(Uart::default(), 1);
    let first = line.sender::<u8>(Port(5)).unwrap();
    assert_eq!(line.sender::<u8>(Port(5)).unwrap_err(), PortError::Taken);
    drop(first);
    assert_eq!(line.sender::<u8>(Port(5)).unwrap_err(), PortError::Taken);
    assert_eq!(line.sender::<u8>(Port(256)).unwrap_err(), PortError::NoSuchPort);
    assert_eq!(line.sender::<u8>(Port(u32::MAX)).unwrap_err(), PortError::NoSuchPort);
    assert!(line.sender::<u8>(Port(255)).is_ok());
}

#[test]
fn b06_a_message_over_the_limit_is_refused_before_a_byte_is_written() {
    const MAX: usize = Line::<Uart, 64>::MAX_MESSAGE;
    let uart = Uart::default();
    let line: Line<_, 64> = Line::new(uart.clone(), 1);
    let mut sender = line.sender::<&[u8]>(Port(0)).unwrap();
    sender.start().unwrap();
    let before = uart.len();
    for len in [MAX, 1000] {
        // A length of its own goes before the bytes.
        let refused = sender.send(&[1; 1000][..len]).unwrap_err();
        assert!(matches!(refused.kind(), SendErrorKind::TooLarge { max: MAX, len: l } if l > len));
        assert_eq!(refused.into_message().len(), len);
    }
    assert_eq!(uart.len(), before);
    sender.send(&[1; MAX - 1]).unwrap();
}

#[test]
fn b05_a_message_comes_back_when_the_writer_fails() {
    for refuses in [false, true] {
        let uart = Uart { refuses, ..Uart::default() };
        let line: Line<_> = Line::new(uart.clone(), 1);
        let mut sender = line.sender::<u32>(Port(0)).unwrap();
        uart.left.set(Some(0));
        assert!(sender.start().is_err());
        assert_eq!(sender.state(), SenderState::Closed);
        let mut sender = line.sender::<u32>(Port(1)).unwrap();
        uart.left.set(None);
        sender.start().unwrap();
        uart.left.set(Some(4));
        let error = sender.send(77).unwrap_err();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 77));
        assert_eq!(sender.state(), SenderState::Open);
        assert_eq!(sender.counters().sent, 0);
    }
}

#[test]
#[cfg(feature = "std")]
fn a_message_that_came_back_was_not_sent() {
    use crate::frame::{Header, Segment};

    // However much of it was written, what comes after is heard, and it is not.
    for cut in 0..20 {
        let uart = Uart::default();
        let line: Line<_> = Line::new(uart.clone(), 1);
        let mut sender = line.sender::<u32>(Port(0)).unwrap();
        sender.start().unwrap();
        let before = uart.len();
        uart.left.set(Some(cut));
        let sent = sender.send(1_000_000).is_ok();
        // The next one fails too, in what spoils the first.
        uart.left.set(Some(1));
        assert!(sender.send(2_000_000).is_err());
        uart.left.set(None);
        sender.send(3_000_000).unwrap();
        assert_eq!(sent, uart.written.borrow().len() > before && cut >= 14, "{cut}");
        let numbers: Vec<_> = (frames(&uart).into_iter())
            .filter_map(|segment| match segment {
                Segment::Frame(Header::Message { number, .. }, _) => Some(number),
                _ => None,
            })
            .collect();
        assert_eq!(numbers, if sent { vec![0, 1] } else { vec![0] }, "{cut}");
    }
}

#[test]
fn send_all_flushes_once() {
    let uart = Uart::default();
    let line: Line<_> = Line::new(uart.clone(), 1);
    let mut sender = line.sender::<u32>(Port(0)).unwrap();
    sender.start().unwrap();
    assert_eq!(uart.flushed.get(), 1);
    sender.send_all(0..10).unwrap();
    assert_eq!(uart.flushed.get(), 2);
    sender.send(10).unwrap();
    assert_eq!(uart.flushed.get(), 3);
    assert_eq!(sender.counters().sent, 11);
}

/// Sends another message while it is encoded.
struct Nested(Rc<RefCell<Sender<u8, SerialOutlet<Rc<Line<Uart>>>>>>);

impl Serialize for Nested {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.borrow_mut().send(1).unwrap();
        serializer.serialize_u8(2)
    }
}

#[test]
fn a_message_may_send_another_while_it_is_encoded() {
    let line: Rc<Line<_>> = Rc::new(Line::new(Uart::default(), 1));
    let inner = Line::sender_of(Rc::clone(&line), Port(0)).unwrap();
    let inner = Rc::new(RefCell::new(inner));
    inner.borrow_mut().start().unwrap();
    let mut outer = line.sender(Port(1)).unwrap();
    outer.start().unwrap();
    outer.send(Nested(Rc::clone(&inner))).unwrap();
    assert_eq!(inner.borrow().counters().sent, 1);
}

#[test]
fn a_line_gives_its_writer_back() {
    let line: Line<_> = Line::new(Uart::default(), 1);
    drop(line.sender::<u8>(Port(0)).unwrap());
    assert!(line.into_writer().len() > 0);
}

#[test]
#[cfg(feature = "std")]
fn threads_share_a_line() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let line: Line<_> = Line::new(embedded_io_adapters::std::FromStd::new(std::io::sink()), 1);
    is_sync(&line);
    is_send(&line.sender::<u8>(Port(0)).unwrap());
}
