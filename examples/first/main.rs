//! README's first program: it starts itself as its own worker, five times, and each worker ends
//! in another way.
//!
//! ```text
//! cargo run --example first
//! ```

use std::process::{Command, ExitCode};
use std::thread;

use homing::pipe::Pipe;
use homing::std_loop::{EventLoop, Handle};
use homing::{End, Event, Router, Worker, worker};
use serde::{Deserialize, Serialize};

type Error = Box<dyn std::error::Error>;

/// What the workers send.
#[derive(Serialize, Deserialize)]
struct Progress {
    done: u32,
}

fn main() -> ExitCode {
    if worker::link().is_ok() {
        // `start_next` below has started this process: it is a worker.
        return worker::run(work);
    }
    match foreground() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole of a worker. Here it ends as its argument says.
fn work(sender: &mut worker::Sender<Progress>) -> Result<(), Error> {
    for done in 1..=3 {
        sender.send(Progress { done })?;
    }
    match std::env::args().nth(1).as_deref() {
        Some("fail") => Err("the disk is full".into()),
        Some("panic") => panic!("no such tile"),
        Some("exit") => std::process::exit(3),
        Some("sleep") => loop {
            thread::park()
        }, // until the foreground kills it
        _ => Ok(()),
    }
}

/// What the handlers work on. They run on the main thread, so it needs no lock.
struct App {
    ways: Vec<&'static str>,
    worker: Option<Worker<App>>,
    quit: Handle,
}

fn foreground() -> Result<(), Error> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;

    let ways = vec!["sleep", "exit", "panic", "fail", "finish"];
    let mut app = App { ways, worker: None, quit: event_loop.handle() };
    start_next(&router, &mut app)?;
    event_loop.run(&router, &mut app)?;
    router.stop(&mut app)?;
    Ok(())
}

/// Starts the next worker, or ends the event loop.
fn start_next(router: &Router<App>, app: &mut App) -> Result<(), Error> {
    let Some(way) = app.ways.pop() else {
        app.quit.stop();
        return Ok(());
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(way);

    let weak = router.downgrade(); // the router owns the handler, which must not own the router
    let handler = move |app: &mut App, event: Event<Progress>| match event {
        Event::Message(Progress { done }) => {
            println!("{way}: {done} of 3");
            if let (3, "sleep", Some(worker)) = (done, way, &app.worker) {
                worker.kill().unwrap_or_else(|error| eprintln!("{error}"));
            }
        }
        Event::Ended(end) => {
            match end {
                End::Finished => println!("{way}: finished"),
                End::Failed { message } => println!("{way}: failed: {message}"),
                End::Panicked(panic) => println!("{way}: {panic}"),
                End::Lost(lost) => println!("{way}: {lost}"),
                other => println!("{way}: {other}"),
            }
            if let Some(router) = weak.upgrade()
                && let Err(error) = start_next(&router, app)
            {
                eprintln!("{error}");
                app.quit.stop();
            }
        }
    };
    let (worker, _pipe) = router.spawn(Pipe::new(), command).pipe(handler)?;
    app.worker = Some(worker);
    Ok(())
}
