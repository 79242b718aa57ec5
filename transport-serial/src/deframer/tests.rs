use homing_core::CloseKind;

use super::*;

const STOP: Header = Header::Stop { port: 1, run: 2, number: 3, reason: CloseKind::Stopped };

fn frame() -> Vec<u8> {
    let mut buffer = [0; 64];
    frame::encode(&STOP, &(), &mut buffer).unwrap().to_vec()
}

/// All that is found in `bytes`, read in steps.
fn read(deframer: &mut Deframer, bytes: &[u8], step: usize) -> Vec<Found> {
    let mut all = Vec::new();
    for mut piece in bytes.chunks(step) {
        while !piece.is_empty() {
            let (found, len) = deframer.read(piece);
            assert!(len > 0);
            piece = &piece[len..];
            all.extend(found);
        }
    }
    all
}

#[test]
fn frames_are_found_however_the_bytes_come() {
    let bytes = [&b"noise"[..], &frame(), &frame(), b"more noise", &frame()].concat();
    for step in 1..40 {
        let found = read(&mut Deframer::new(10), &bytes, step);
        let [Found::Noise(5), a, b, Found::Noise(10), c] = &found[..] else { panic!("{found:?}") };
        for each in [a, b, c] {
            assert!(matches!(each, Found::Frame(STOP, _)), "{each:?}");
        }
    }
}

#[test]
fn a_flood_without_a_delimiter_costs_no_memory() {
    let mut deframer = Deframer::new(100);
    let flood = vec![0x55; 1 << 20];
    for _ in 0..8 {
        assert_eq!(read(&mut deframer, &flood, 4096), []);
        assert!(deframer.segment.capacity() < 2 * deframer.most);
    }
    let found = read(&mut deframer, &frame(), 100);
    assert!(matches!(found[..], [Found::Noise(len), Found::Frame(STOP, _)] if len == 8 << 20));
}

#[test]
fn the_step_back_is_one_frame() {
    // The last delimiter of the first frame is lost, and so is the first one of the next.
    let whole = frame();
    let bytes = [&whole[..whole.len() - 1], &whole[1..], &whole].concat();
    let found = read(&mut Deframer::new(100), &bytes, 1000);
    let [Found::Noise(_), Found::Frame(STOP, _)] = found[..] else { panic!("{found:?}") };
}
