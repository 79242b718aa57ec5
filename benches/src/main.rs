//! Measures Homing beside what it stands on.
//!
//! ```text
//! cargo run --release -p homing-bench -- [--quick] [--busy] [--only NAME]…
//! ```
//!
//! Absolute numbers depend on the machine and on what else it does. So each figure is
//! measured beside its reference: in turns, for an odd number of rounds, of which the median
//! counts. To add a figure, write a function and add its line to the `ROWS` of its family.

#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod busy;
mod channel;
#[cfg(target_os = "linux")]
mod command;
mod dispatch;
mod flood;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod jobs;
#[cfg(target_os = "linux")]
mod life;
mod measure;
mod memory;
mod peer;
mod ping;
#[cfg(target_os = "linux")]
mod pinned;
mod pipe;
mod place;
mod report;
mod role;
mod row;
#[cfg(target_os = "linux")]
mod shm;
mod tally;
#[cfg(target_os = "linux")]
mod wake;
#[cfg(target_os = "linux")]
mod wake_loops;
#[cfg(target_os = "linux")]
mod way_back;
#[cfg(all(feature = "winit", target_os = "linux"))]
mod window;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;

use crate::report::Report;
use crate::role::Role;
use crate::row::{Row, Settings};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// The families of figures, in the order of the table.
const FAMILIES: &[&[Row]] = &[
    channel::ROWS,
    pipe::ROWS,
    #[cfg(target_os = "linux")]
    shm::ROWS,
    #[cfg(target_os = "linux")]
    wake::ROWS,
    #[cfg(target_os = "linux")]
    wake_loops::ROWS,
    #[cfg(target_os = "linux")]
    way_back::ROWS,
    #[cfg(target_os = "linux")]
    jobs::ROWS,
    flood::ROWS,
    #[cfg(all(feature = "winit", target_os = "linux"))]
    window::ROWS,
    dispatch::ROWS,
    ping::ROWS,
    #[cfg(target_os = "linux")]
    idle::ROWS,
    #[cfg(target_os = "linux")]
    life::ROWS,
    #[cfg(target_os = "linux")]
    bounds::ROWS,
    memory::ROWS,
    #[cfg(target_os = "linux")]
    pinned::ROWS,
];

/// Measures Homing beside what it stands on.
#[derive(clap::Parser)]
struct Args {
    /// Measure this figure, and others only if they are named too.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Take less than a minute for all of them, and be less exact.
    #[arg(long)]
    quick: bool,

    /// Measure beside processes that keep all processors busy: two more than there are.
    #[arg(long)]
    busy: bool,

    /// List the names of the figures.
    #[arg(long)]
    list: bool,

    /// What this process does for the one that measures.
    #[arg(long, hide = true, value_enum)]
    role: Option<Role>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.role {
        Some(role) => role.play().map(|()| true),
        None => bench(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("homing-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything could be measured. Whether a goal was reached does not matter.
fn bench(args: &Args) -> anyhow::Result<bool> {
    let all = || FAMILIES.iter().copied().flatten();
    if args.list {
        for row in all() {
            report::line(format_args!("{}", row.name))?;
        }
        return Ok(true);
    }
    if let Some(name) = args.only.iter().find(|name| all().all(|row| row.name != name.as_str())) {
        bail!("there is no figure {name}; --list names them");
    }
    let wanted = |row: &&Row| args.only.is_empty() || args.only.iter().any(|name| name == row.name);
    let settings = Settings { quick: args.quick };
    #[cfg(target_os = "linux")]
    let _busy = args.busy.then(busy::Busy::start).transpose()?;
    let mut report = Report::begin()?;
    for row in all().filter(wanted) {
        report.add(row, (row.measure)(&settings))?;
    }
    report.end()
}
