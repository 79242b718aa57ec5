//! A chip's task that waits for commands.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::future::Future;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use embedded_io_adapters::std::FromStd;
use homing_core::RecvError;
use homing_transport_serial::{DuplexLine, Port, ReceiveBuffer, Received};

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Of port 1 in run 9, as in `WIRE.md`: all commands below 3 are taken, 4 were sent, and the pipe is
/// cancelled.
const STATE: [u8; 13] =
    [0x00, 0x0b, 0x06, 0x01, 0x09, 0x03, 0x04, 0x01, 0x60, 0x6f, 0x8c, 0x7b, 0x00];

#[test]
fn b28_a_task_waits_for_commands() {
    static RECEIVED: ReceiveBuffer<128> = ReceiveBuffer::new();
    let (mut desktop, uart) = UnixStream::pair().unwrap();
    let line: DuplexLine<_, 64, 128, 2, 64> =
        DuplexLine::with_way_back(FromStd::new(uart), 1, &RECEIVED);
    let (mut others, _) = line.duplex::<u32, u32>(Port(0)).unwrap();
    let (mut orders, mut readings) = line.duplex::<u32, u32>(Port(1)).unwrap();
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    let wakers = counts.each_ref().map(|count| Waker::from(Arc::clone(count)));
    let woken = || counts.each_ref().map(|count| count.0.load(Ordering::SeqCst));
    let mut contexts = wakers.each_ref().map(Context::from_waker);
    let [other, own] = &mut contexts;
    {
        let mut received = pin!(orders.recv_async());
        // It waits as well, and is the last to say so.
        let mut other_received = pin!(others.recv_async());
        assert!(received.as_mut().poll(own).is_pending());
        assert!(other_received.as_mut().poll(other).is_pending());
        RECEIVED.receive(&STATE[1..12]);
        assert_eq!(woken(), [0, 0]);
        RECEIVED.receive(&STATE[12..]);
        assert_eq!(woken(), [1, 1]);
        // The other task is the first to look.
        assert!(other_received.as_mut().poll(other).is_pending());
        assert_eq!(received.as_mut().poll(own), Poll::Ready(Ok(Received::Gap(1))));
    }
    let mut received = pin!(orders.recv_async());
    assert_eq!(received.as_mut().poll(own), Poll::Ready(Err(RecvError::Cancelled)));

    readings.start().unwrap();
    let mut sent = pin!(readings.send_async(5));
    assert!(matches!(sent.as_mut().poll(own), Poll::Ready(Ok(()))));
    desktop.flush().unwrap();
}
