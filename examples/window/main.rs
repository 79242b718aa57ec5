//! A window whose title shows how far a worker process is: the least that a window needs.
//!
//! The worker is this program again. The window can be moved and closed all the time, since the
//! main thread never waits for the worker.
//!
//! ```text
//! cargo run --features winit --example window
//! ```

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use homing::pipe::Pipe;
use homing::winit::{self as homing_winit, WinitRouter};
use homing::{Event, worker};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::window::{Window, WindowId};

fn main() -> ExitCode {
    if worker::link().is_ok() {
        // Started by `show` below. A worker needs no window, so this comes first.
        return worker::run(work);
    }
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The worker process. Its messages are numbers.
fn work(sender: &mut worker::Sender<u32>) -> anyhow::Result<()> {
    for percent in 1..=100 {
        thread::sleep(Duration::from_millis(50)); // the work
        sender.send(percent)?;
    }
    Ok(())
}

/// What wakes the loop, beside the events of the system.
enum Wake {
    Homing,
}

struct App {
    homing: WinitRouter<App>,
    window: Option<Window>,
    title: String,
}

impl App {
    /// What the worker has sent, on the main thread.
    fn hear(&mut self, event: Event<u32>) {
        self.title = match event {
            Event::Message(percent) => format!("{percent} %"),
            Event::Ended(end) => end.to_string(),
        };
        if let Some(window) = &self.window {
            window.set_title(&self.title);
        }
    }
}

impl ApplicationHandler<Wake> for App {
    /// The loop was woken: messages are handed to `hear`.
    fn user_event(&mut self, _: &ActiveEventLoop, Wake::Homing: Wake) {
        self.homing.clone().poll(self);
    }

    /// What the router's budget has left is handed over in the next turn.
    fn about_to_wait(&mut self, _: &ActiveEventLoop) {
        self.homing.about_to_wait();
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let attributes = Window::default_attributes().with_title(&self.title);
        self.window = event_loop.create_window(attributes).ok();
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if let WindowEvent::CloseRequested = event {
            event_loop.exit();
        }
    }
}

fn show() -> anyhow::Result<()> {
    let event_loop = EventLoop::with_user_event().build()?;
    let homing = homing_winit::join(event_loop.create_proxy(), || Wake::Homing);
    let router = homing.router().clone();
    router.start()?;
    let program = Command::new(std::env::current_exe()?);
    let (_worker, _pipe) = router.spawn(Pipe::new(), program).pipe(App::hear)?;

    let mut app = App { homing, window: None, title: "starting".into() };
    event_loop.run_app(&mut app)?;
    router.stop(&mut app)?; // ends the worker, if it still runs
    Ok(())
}
