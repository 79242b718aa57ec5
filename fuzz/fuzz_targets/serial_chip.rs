//! A chip that receives any bytes: the receivers of its pipes go on, and what they are told is
//! bounded by what has come.

#![no_main]

use std::convert::Infallible;

use homing_transport_serial::{DuplexLine, Port, ReceiveBuffer, Received};
use libfuzzer_sys::fuzz_target;

/// A UART that takes everything.
struct Sink;

impl embedded_io::ErrorType for Sink {
    type Error = Infallible;
}

impl embedded_io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

static RECEIVED: ReceiveBuffer<256> = ReceiveBuffer::new();

fuzz_target!(|input: Vec<Vec<u8>>| {
    let line: DuplexLine<_, 128, 256, 2, 64> = DuplexLine::with_way_back(Sink, 1, &RECEIVED);
    let (mut first, _) = line.duplex::<Vec<u8>, ()>(Port(0)).expect("the port is free");
    let (mut second, mut sender) = line.duplex::<String, u8>(Port(7)).expect("the port is free");
    sender.start().expect("this line takes everything");
    for bytes in input {
        // A checksum that fits is improbable, so it is added.
        let mut frame = bytes.clone();
        frame.extend(crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes).to_le_bytes());
        RECEIVED.receive(&[&[0], &cobs::encode_vec(&frame)[..], &[0], &bytes].concat());
        // Each entry has come in a frame, which has more bytes.
        for _ in 0..256 {
            match first.try_recv() {
                Ok(Received::Message(command)) => assert!(command.len() <= 64),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let _ = second.try_recv();
        let _ = (second.is_cancelled(), sender.is_closed());
        let _ = sender.send(1);
    }
    while RECEIVED.receive(&[0]) == 0 {
        let _ = first.try_recv();
    }
    let _ = first.try_recv();
});
