//! The pool of workers, as the main thread sees it.

use std::{env, process::Command, rc::Rc};

use anyhow::Context as _;
use homing::jobs::{Closing, JobEvent, JobOptions, Pool, Runs};
use homing::{Router, std_loop::EventLoop};

use crate::{args::Args, chaos, files::Files, progress::Bars, work::Digest};

/// The digest of a file, or why there is none.
pub type Outcome = Result<[u8; 32], String>;

/// The application. All of it is the main thread's.
struct App {
    files: Rc<Files>,
    outcomes: Vec<Option<Outcome>>,
    bars: Bars,
}

/// Digests all files, and says what became of each.
pub fn run(args: &Args, files: Rc<Files>) -> anyhow::Result<Vec<Outcome>> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let chaos = args.chaos()?.map(|every| chaos::kill_every(&router, every)).transpose()?;
    let (pool, workers, program) = (Pool::builder(&router), args.workers(), env::current_exe()?);
    let app = App { outcomes: vec![None; files.len()], bars: Bars::new(files.len()), files };
    let Some(transport) = args.transport.of_processes() else {
        return app.digest(&mut event_loop, &router, &pool.threads(workers).start()?);
    };
    let pool = pool.processes(workers, transport, move || Command::new(&program)).ahead(1);
    app.digest(&mut event_loop, &router, &pool.restart(chaos.unwrap_or_default()).start()?)
}

impl App {
    fn digest<K: Runs<Digest>>(
        mut self,
        event_loop: &mut EventLoop,
        router: &Router<Self>,
        pool: &Pool<Self, K>,
    ) -> anyhow::Result<Vec<Outcome>> {
        for (index, path) in self.files.iter().enumerate() {
            // A file whose workers have died twenty times is given up.
            let (options, job) = (JobOptions::new().repeatable(20), Digest { path: path.into() });
            pool.submit_with(options, job, move |app: &mut Self, event| {
                app.bars.show(index, app.files.get(index), &event);
                if let JobEvent::Ended(end) = event {
                    app.outcomes[index] = Some(end.map_err(|error| error.to_string()));
                }
            })?;
        }
        pool.close(Closing::Run, None);
        event_loop.run_until(router, &mut self, |_| pool.is_closed())?;
        self.bars.clear();
        anyhow::ensure!(pool.gave_up().is_none(), "{}", pool.gave_up().unwrap_or_default());
        self.outcomes.into_iter().collect::<Option<_>>().context("a file was forgotten")
    }
}
