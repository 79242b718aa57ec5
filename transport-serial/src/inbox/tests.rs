use super::*;

type Small = Inbox<64>;

fn take(inbox: &mut Small) -> Option<(Entry, Vec<u8>)> {
    let mut buffer = [0; 64];
    let entry = inbox.take(&mut buffer)?;
    let len = if let Entry::Command(len) = entry { len } else { 0 };
    Some((entry, buffer[..len].to_vec()))
}

fn command(bytes: &[u8]) -> Option<(Entry, Vec<u8>)> {
    Some((Entry::Command(bytes.len()), bytes.to_vec()))
}

fn gap(count: u64) -> Option<(Entry, Vec<u8>)> {
    Some((Entry::Gap(count), vec![]))
}

const RESET: Option<(Entry, Vec<u8>)> = Some((Entry::Reset, Vec::new()));

#[test]
fn commands_come_in_order_and_what_is_missing_is_told() {
    let mut inbox = Small::new();
    // Before a state is known, there is no telling what was taken before.
    inbox.on_command(7, 5, b"early");
    inbox.on_state(7, 3, 3, 0);
    assert_eq!(take(&mut inbox), None);
    inbox.on_command(7, 3, b"a");
    inbox.on_command(7, 3, b"a");
    inbox.on_command(7, 6, b"b");
    inbox.on_command(7, 4, b"late");
    inbox.on_command(8, 7, b"of no run");
    assert_eq!(take(&mut inbox), command(b"a"));
    assert_eq!(take(&mut inbox), gap(2));
    assert_eq!(take(&mut inbox), command(b"b"));
    assert_eq!(take(&mut inbox), None);
    // The last ones are missing.
    inbox.on_state(7, 4, 9, 0);
    inbox.on_state(7, 4, 9, 0);
    assert_eq!(take(&mut inbox), gap(2));
    assert_eq!(take(&mut inbox), None);
    let owed = inbox.owed(1, 50, true).unwrap();
    assert_eq!(owed, Owed { port: 1, of: 7, number: 9, told: 0, window: 50 });
}

#[test]
fn a_command_without_room_is_missing_when_there_is_some() {
    let mut inbox = Small::new();
    inbox.on_state(1, 0, 0, 0);
    inbox.on_command(1, 0, &[7; 55]);
    inbox.on_command(1, 1, &[8; 20]);
    // No room to say so now.
    inbox.on_state(1, 0, 2, 0);
    assert_eq!(take(&mut inbox), command(&[7; 55]));
    assert_eq!(take(&mut inbox), None);
    inbox.on_command(1, 2, b"x");
    assert_eq!(take(&mut inbox), gap(1));
    assert_eq!(take(&mut inbox), command(b"x"));
    // One that could never be taken.
    inbox.on_command(1, 3, &[0; 63]);
    inbox.on_state(1, 3, 4, 0);
    assert_eq!(take(&mut inbox), gap(1));
}

#[test]
fn what_was_taken_is_told_at_once_or_when_it_is_much() {
    let mut inbox = Small::new();
    assert_eq!(inbox.owed(0, 9, true), None);
    inbox.on_state(1, 0, 0, 0);
    // The answer to a state.
    assert!(inbox.owed(0, 9, true).is_some() && inbox.owed(0, 9, false).is_none());
    inbox.settle();
    assert_eq!(inbox.owed(0, 9, true), None);
    inbox.on_command(1, 0, &[7; 20]);
    inbox.on_command(1, 1, &[7; 20]);
    assert_eq!(inbox.owed(0, 9, true), None);
    take(&mut inbox).unwrap();
    assert!(inbox.owed(0, 9, false).is_none());
    take(&mut inbox).unwrap();
    assert_eq!(inbox.owed(0, 9, false).unwrap().number, 2);
}

#[test]
fn a_restart_of_the_foreground_is_told_once() {
    let mut inbox = Small::new();
    inbox.on_state(1, 0, 0, told::CANCELLED);
    inbox.on_command(1, 0, b"old");
    assert!(inbox.told().is_cancelled());
    assert_eq!(take(&mut inbox), command(b"old"));
    inbox.on_command(1, 1, b"not taken");
    assert_eq!(inbox.entered(), Some(1));
    inbox.on_state(2, 0, 1, 0);
    inbox.on_command(2, 1, b"new");
    // It is another pipe.
    assert_eq!(inbox.told(), Told::NOTHING);
    // An answer to what was asked before would still be of the run before.
    assert_eq!(inbox.entered(), Some(1));
    assert_eq!(take(&mut inbox), RESET);
    assert_eq!(inbox.entered(), Some(2));
    assert_eq!(take(&mut inbox), gap(1));
    assert_eq!(take(&mut inbox), command(b"new"));
    // Late frames of the run before.
    inbox.on_state(1, 0, 5, told::CLOSED);
    inbox.on_command(1, 5, b"late");
    assert_eq!(take(&mut inbox), None);
    assert_eq!(inbox.told(), Told::NOTHING);
}

#[test]
fn a_pipe_that_was_closed_keeps_nothing() {
    let mut inbox = Small::new();
    inbox.on_state(1, 0, 0, 0);
    inbox.on_command(1, 0, b"x");
    inbox.on_state(1, 0, 1, told::CLOSED);
    // A copy of the first state.
    inbox.on_state(1, 0, 0, 0);
    inbox.on_command(1, 1, b"y");
    assert!(inbox.told().is_closed());
    assert_eq!(take(&mut inbox), None);
    assert_eq!(inbox.owed(0, 9, true).unwrap().number, 0);
}
