//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread;

/// Shows the Mandelbrot set, drawn by worker processes.
#[derive(clap::Parser)]
#[command(name = "mandelbrot")]
pub struct Args {
    /// How the tiles come home.
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,

    /// How many workers. Default: one for each processor.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// The size of the window in pixels, as 640x480.
    #[arg(long, value_name = "WxH", default_value = "960x640", value_parser = size)]
    pub size: (u32, u32),

    /// Draws so many pictures, each closer than the one before, and ends.
    #[arg(long, value_name = "N")]
    pub frames: Option<NonZeroU32>,

    /// Writes what the window shows at the end, as a PNG.
    #[arg(long, value_name = "FILE", requires = "frames")]
    pub screenshot: Option<PathBuf>,

    /// Computes the last picture once more, in this process, and fails unless the window shows
    /// the same, pixel by pixel.
    #[arg(long, requires = "frames")]
    pub check: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// OS pipes.
    #[cfg_attr(not(target_os = "linux"), default)]
    Pipe,
    /// Shared memory.
    #[cfg(target_os = "linux")]
    #[default]
    Shm,
}

impl Args {
    pub fn workers(&self) -> usize {
        let processors = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.workers.unwrap_or_else(processors).get()
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('x').and_then(|(width, height)| {
        Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?))
    });
    match parts {
        Some((width @ 1..=8192, height @ 1..=8192)) => Ok((width, height)),
        _ => Err("not a size such as 640x480, of at most 8192 pixels each way".to_string()),
    }
}
