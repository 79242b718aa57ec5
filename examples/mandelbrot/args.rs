//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread;

use homing::ProcessTransport;

/// The Mandelbrot set in a window, drawn by worker processes. Drag to move, turn the wheel to
/// zoom; K kills a worker, R goes back, Escape ends it.
#[derive(clap::Parser)]
#[command(name = "mandelbrot")]
pub struct Args {
    /// How many worker processes. Default: one for each processor.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// How their tiles travel.
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,

    /// The size of the window, in pixels.
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub size: Option<(u32, u32)>,

    /// Draw so many pictures, each nearer than the last, and exit. For unattended runs.
    #[arg(long, value_name = "N")]
    frames: Option<NonZeroU32>,

    /// Write the last picture there. One frame, unless --frames says otherwise.
    #[arg(long, value_name = "FILE.png")]
    pub screenshot: Option<PathBuf>,

    /// Compare each picture with one that this process computes itself and, on X11, with what
    /// is on the screen.
    #[arg(long)]
    pub check: bool,

    /// Kill a worker whenever so many tiles have come.
    #[arg(long, value_name = "TILES")]
    pub kill_every: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub enum Transport {
    /// OS pipes.
    #[cfg_attr(not(target_os = "linux"), default)]
    Pipe,
    /// Shared memory.
    #[cfg(target_os = "linux")]
    #[default]
    Shm,
}

impl Transport {
    /// What makes the links of worker processes.
    pub fn links(self) -> Box<dyn ProcessTransport> {
        match self {
            Transport::Pipe => Box::new(homing::pipe::Pipe::new()),
            #[cfg(target_os = "linux")]
            Transport::Shm => Box::new(homing::shm::Shm::new()),
        }
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let parse = || {
        let (width, height) = text.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (1..=16_384).contains(side));
        Some((side(width)?, side(height)?))
    };
    parse().ok_or_else(|| "not a size such as 800x600".to_string())
}

impl Args {
    pub fn workers(&self) -> usize {
        let processors = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.workers.unwrap_or_else(processors).get()
    }

    /// How many pictures there are to be, in an unattended run.
    pub fn frames(&self) -> Option<u32> {
        let alone = self.screenshot.is_some() || self.check;
        self.frames.map(NonZeroU32::get).or(alone.then_some(1))
    }
}
