//! A worker process over a transport of one's own: both its sides are in `datagrams.rs`, and
//! use the crate's public names only.
//!
//! ```text
//! cargo run --example own_transport
//! ```

#![allow(unreachable_pub, reason = "the transport stands here as in a crate of its own")]

#[cfg(unix)]
mod datagrams;

#[cfg(unix)]
fn main() -> anyhow::Result<()> {
    use std::process::Command;
    use std::time::Duration;

    use homing::std_loop::EventLoop;
    use homing::worker::{self, InheritError};
    use homing::{Event, Router};

    // In the worker, before its link is first asked for.
    worker::register(datagrams::NAME, datagrams::DatagramLink::adopt)?;
    match worker::sender::<String>() {
        Ok(mut sender) => {
            sender.start()?;
            sender.send("by a transport of our own".to_owned())?;
            return Ok(sender.stop()?);
        }
        Err(InheritError::NotAWorker) => {}
        Err(error) => return Err(error.into()),
    }

    // In the foreground.
    let event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let program = Command::new(std::env::current_exe()?);
    let (_worker, pipe) = router.spawn(datagrams::Datagrams, program).pipe(
        |heard: &mut Vec<String>, event: Event<String>| match event {
            Event::Message(message) => heard.push(message),
            Event::Ended(end) => heard.push(end.to_string()),
        },
    )?;
    let mut heard = Vec::new();
    let timeout = Some(Duration::from_secs(60));
    router.route_until(&mut heard, |_| !router.has_pipe(pipe), timeout)?;
    router.stop(&mut heard)?;
    println!("{}", heard.join("\n"));
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("this example is for Unix");
}
