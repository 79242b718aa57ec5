//! Kills many foregrounds, and counts the workers that outlive them by more than a second.
//!
//! ```text
//! cargo run --release -p homing-process --example outlive -- 1000
//! ```
//!
//! Each foreground has one worker. In turn the workers send, compute, sleep, are stopped, have
//! not opened their link, and have children in a process group of their own; every other
//! foreground has forked a copy of itself that lives on. All are in sessions of their own, as
//! services are: elsewhere the system itself ends stopped processes without a parent.

#[cfg(target_os = "linux")]
#[path = "../tests/life/orphans.rs"]
#[allow(unsafe_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "of the tests")]
mod orphans;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::collections::BTreeMap;
    use std::time::Duration;

    if let Ok(role) = std::env::var(orphans::ROLE) {
        orphans::play(&role, again);
    }
    let number = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let mut results = BTreeMap::<&str, (usize, usize)>::new();
    for (index, kind) in orphans::KINDS.iter().cycle().take(number).enumerate() {
        // An odd number of kinds: each is seen with a copy and without.
        let family = orphans::start(in_own_session(), kind, index % 2 == 1);
        let (foregrounds, left) = results.entry(kind).or_default();
        *foregrounds += 1;
        *left += family.kill(Duration::from_secs(1));
    }
    let mut all_left = 0;
    for (kind, (foregrounds, left)) in results {
        println!("{kind:17} {foregrounds:5} foregrounds killed, {left} processes left");
        all_left += left;
    }
    println!("{all_left} processes left");
    if all_left == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

#[cfg(target_os = "linux")]
fn again() -> std::process::Command {
    std::process::Command::new("/proc/self/exe")
}

#[cfg(target_os = "linux")]
fn in_own_session() -> std::process::Command {
    let mut command = std::process::Command::new("setsid");
    command.arg("--wait").arg(std::env::current_exe().unwrap_or_default());
    command
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("This example needs Linux.");
}
