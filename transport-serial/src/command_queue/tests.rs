use super::*;
use crate::frame::Segment;

/// A time in milliseconds.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.0 + Duration::from_millis(milliseconds)
    }
}

fn queue(clock: &Clock) -> CommandQueue {
    CommandQueue::new(3, 70, 1000, clock.at(0))
}

/// The header of the frame that is written now.
fn next(queue: &mut CommandQueue, now: Instant) -> Option<Header> {
    let frame = queue.next_frame(now)?;
    let mut segment = frame[1..frame.len() - 1].to_vec();
    match frame::decode(&mut segment) {
        Segment::Frame(header, _) => Some(header),
        other => panic!("{other:?}"),
    }
}

fn command(number: u64) -> Option<Header> {
    Some(Header::Command { port: 3, run: 70, number })
}

fn state(first: u64, number: u64, told: u8) -> Option<Header> {
    Some(Header::State { port: 3, run: 70, first, number, told })
}

const CHIP: Chip = Chip { run: 1, told: 0, window: 60 };

#[test]
fn nothing_is_sent_before_the_chip_has_answered() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    queue.send(b"x").unwrap();
    assert_eq!(next(&mut queue, clock.at(0)), state(0, 0, 0));
    assert_eq!(next(&mut queue, clock.at(99)), None);
    assert_eq!(next(&mut queue, clock.at(100)), state(0, 0, 0));
    assert_eq!(next(&mut queue, clock.at(299)), None);
    assert_eq!(next(&mut queue, clock.at(300)), state(0, 0, 0));
    assert!(queue.note_taken(0, CHIP, clock.at(310)));
    assert_eq!(next(&mut queue, clock.at(310)), command(0));
    assert_eq!(next(&mut queue, clock.at(310)), None);
    assert!(queue.note_taken(1, CHIP, clock.at(320)));
    // Nothing is awaited any more.
    assert_eq!((queue.deadline(), queue.untaken()), (None, 0));
}

#[test]
fn no_more_is_on_its_way_than_has_room() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    next(&mut queue, clock.at(0)).unwrap();
    queue.note_taken(0, CHIP, clock.at(0));
    for _ in 0..3 {
        queue.send(&[7; 15]).unwrap();
    }
    queue.send(&[7; 500]).unwrap();
    assert_eq!(next(&mut queue, clock.at(1)), command(0));
    assert_eq!(next(&mut queue, clock.at(1)), command(1));
    assert_eq!(next(&mut queue, clock.at(1)), None);
    queue.note_taken(1, CHIP, clock.at(2));
    assert_eq!(next(&mut queue, clock.at(2)), command(2));
    assert_eq!(next(&mut queue, clock.at(2)), None);
    // What is longer than the window goes alone.
    queue.note_taken(3, CHIP, clock.at(3));
    assert_eq!(next(&mut queue, clock.at(3)), command(3));
    // A copy of an earlier frame, and one that is not so.
    queue.note_taken(1, CHIP, clock.at(4));
    assert!(!queue.note_taken(5, CHIP, clock.at(4)));
    assert_eq!(queue.untaken(), 1);
}

#[test]
fn what_has_no_answer_is_said_again() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    next(&mut queue, clock.at(0)).unwrap();
    queue.note_taken(0, CHIP, clock.at(0));
    queue.send(b"x").unwrap();
    assert_eq!(next(&mut queue, clock.at(10)), command(0));
    // Either the command was lost, or the answer: the state asks.
    assert_eq!(next(&mut queue, clock.at(109)), None);
    assert_eq!(next(&mut queue, clock.at(110)), state(0, 1, 0));
    queue.note_taken(1, CHIP, clock.at(120));
    assert_eq!(queue.deadline(), None);
    // So is a cancel, until the chip says that it knows.
    queue.tell(told::CANCELLED, clock.at(200));
    assert_eq!(next(&mut queue, clock.at(200)), state(1, 1, 1));
    queue.note_taken(1, CHIP, clock.at(210));
    let again = queue.deadline().unwrap();
    assert_eq!(next(&mut queue, again), state(1, 1, 1));
    queue.note_taken(1, Chip { told: 1, ..CHIP }, again);
    assert_eq!(queue.deadline(), None);
    queue.tell(told::CANCELLED, clock.at(900));
    assert_eq!(queue.deadline(), None);
}

#[test]
fn a_chip_that_was_reset_is_told_everything_again() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    queue.tell(told::CANCELLED, clock.at(0));
    next(&mut queue, clock.at(0)).unwrap();
    queue.note_taken(0, Chip { told: 1, ..CHIP }, clock.at(0));
    queue.send(b"x").unwrap();
    queue.send(b"y").unwrap();
    assert_eq!(next(&mut queue, clock.at(0)), command(0));
    assert_eq!(next(&mut queue, clock.at(0)), command(1));
    queue.note_taken(1, Chip { told: 1, ..CHIP }, clock.at(1));
    queue.note_run(1, clock.at(2));
    queue.note_run(2, clock.at(3));
    queue.send(b"z").unwrap();
    // The second command is missing there, and the third waits until the chip knows.
    assert_eq!(next(&mut queue, clock.at(3)), state(1, 2, 1));
    assert_eq!(next(&mut queue, clock.at(3)), None);
    queue.note_taken(2, Chip { run: 2, told: 1, window: 60 }, clock.at(4));
    assert_eq!(next(&mut queue, clock.at(4)), command(2));
}

#[test]
fn the_capacity_bounds_what_was_not_taken() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    let mut accepted = 0;
    while queue.send(&[1; 34]).is_ok() {
        accepted += 1;
    }
    assert_eq!((accepted, queue.untaken()), (20, 20));
    assert_eq!(queue.send(&[1; 34]), Err(SendErrorKind::Full));
    next(&mut queue, clock.at(0)).unwrap();
    queue.note_taken(0, CHIP, clock.at(0));
    assert_eq!(next(&mut queue, clock.at(0)), command(0));
    // It was written, but not taken.
    assert_eq!(queue.send(&[1; 34]), Err(SendErrorKind::Full));
    queue.note_taken(1, CHIP, clock.at(1));
    assert!(queue.send(&[1; 34]).is_ok());
    // A command that is larger than the capacity is accepted by itself.
    let mut small = CommandQueue::new(0, 1, 10, clock.at(0));
    assert!(small.send(&[0; 20]).is_ok() && small.send(&[]).is_err());
}

#[test]
fn a_pipe_that_has_ended_is_told_for_a_while() {
    let clock = Clock::new();
    let mut queue = queue(&clock);
    next(&mut queue, clock.at(0)).unwrap();
    queue.note_taken(0, CHIP, clock.at(0));
    queue.send(b"x").unwrap();
    queue.close(clock.at(10));
    assert_eq!(queue.send(b"y"), Err(SendErrorKind::Closed));
    let mut tells = 0;
    while let Some(time) = queue.deadline() {
        assert_eq!(next(&mut queue, time), state(0, 0, told::CLOSED));
        tells += 1;
    }
    assert_eq!((tells, queue.untaken()), (TELLS_OF_END, 1));
    // It is there after all.
    queue.note_run(1, clock.at(60_000));
    assert_eq!(next(&mut queue, clock.at(61_000)), state(0, 0, told::CLOSED));
    queue.note_taken(0, Chip { told: told::CLOSED, ..CHIP }, clock.at(61_100));
    queue.note_run(1, clock.at(70_000));
    assert_eq!(queue.deadline(), None);
    // And after a reset.
    queue.note_run(2, clock.at(80_000));
    assert_eq!(next(&mut queue, clock.at(80_000)), state(0, 0, told::CLOSED));
}
