//! The worker processes, as the main thread sees them.

use std::env;
use std::process::Command;

use homing::Router;
use homing::jobs::{self, JobError, JobEvent, JobOptions, Processes, Task};

use crate::app::App;
use crate::args::Transport;
use crate::work::Draw;

pub struct Pool {
    router: Router<App>,
    jobs: jobs::Pool<App, Processes>,
    /// The tiles of the view that is drawn.
    tiles: Vec<Task>,
}

impl Pool {
    pub fn start(router: &Router<App>, transport: Transport, size: usize) -> anyhow::Result<Self> {
        let program = env::current_exe()?;
        let jobs = jobs::Pool::builder(router)
            .processes(size, transport.links(), move || Command::new(&program))
            .ahead(1)
            .start()?;
        Ok(Self { router: router.clone(), jobs, tiles: Vec::new() })
    }

    pub fn size(&self) -> usize {
        self.jobs.stats().workers.len()
    }

    /// Abandons the tiles that are on their way, and has others drawn.
    pub fn turn_to(&mut self, tiles: Vec<Draw>) -> anyhow::Result<()> {
        self.tiles.drain(..).for_each(|tile| {
            tile.cancel();
        });
        for tile in tiles {
            // A tile that ends eight workers is at fault itself.
            let options = JobOptions::new().repeatable(8);
            let handler = move |app: &mut App, event: JobEvent<Draw>| match event {
                JobEvent::Ended(Ok(colours)) => app.hear_tile(tile, &colours),
                JobEvent::Ended(Err(JobError::Cancelled)) => {}
                JobEvent::Ended(Err(error)) => app.attempt(Err(error.into())),
                JobEvent::Retrying(lost) => app.hear_of_death(&lost),
                _ => {}
            };
            self.tiles.push(self.jobs.submit_with(options, tile, handler)?);
        }
        Ok(())
    }

    /// Kills a worker, another one each time.
    pub fn kill_one(&self, nth: usize) -> anyhow::Result<()> {
        let count = self.router.workers().count();
        if let Some(worker) = self.router.workers().nth(nth % count.max(1)) {
            worker.kill()?;
        }
        Ok(())
    }
}
