//! Jobs, beside what they are made of and what else runs them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homing::Router;
use homing::jobs::{Backend, Call, Cancelled, Context, Job, JobEvent, Pool, Runs, SubmitError};
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::command::{Command, Commanded};
use crate::measure::side_by_side;
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "job-overhead", unit: "M/s", goal: Goal::RatioAtLeast(0.5), measure: beside_echo },
    Row {
        name: "job-vs-python",
        unit: "M/s",
        goal: Goal::RatioAtLeast(50.0),
        measure: beside_python,
    },
    Row { name: "job-threads", unit: "M/s", goal: Goal::RatioAtLeast(0.3), measure: beside_rayon },
    Row {
        name: "checksum-vs-xargs",
        unit: "ms",
        goal: Goal::RatioAtMost(1.1),
        measure: beside_xargs,
    },
];

/// A job that does nothing.
#[derive(Serialize, Deserialize)]
struct Empty;

impl Job for Empty {
    type Output = ();
    type Progress = ();
    type Error = Cancelled;

    const NAME: &'static str = "empty";

    fn run(self, _: &mut Context<'_, Self>) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// A file to digest.
#[derive(Serialize, Deserialize)]
struct Digest(PathBuf);

impl Job for Digest {
    type Output = [u8; 32];
    type Progress = u64;
    type Error = std::io::Error;

    const NAME: &'static str = "digest";

    fn run(self, cx: &mut Context<'_, Self>) -> std::io::Result<[u8; 32]> {
        let (mut hasher, mut file) = (Sha256::new(), fs::File::open(self.0)?);
        let (mut buffer, mut read) = (vec![0; 256 * 1024], 0);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finalize().into()),
                len => {
                    hasher.update(buffer.get(..len).unwrap_or_default());
                    read += len as u64;
                }
            }
            cx.progress(read);
            cx.check()?;
        }
    }
}

/// A worker of these pools.
pub(crate) fn work() -> anyhow::Result<()> {
    Ok(homing::jobs::worker().job::<Empty>().job::<Digest>().serve()?)
}

/// How many jobs have completed.
type Done = u64;

/// A pool, and the loop that its router runs on.
struct Bench<K: Backend> {
    event_loop: EventLoop,
    router: Router<Done>,
    pool: Pool<Done, K>,
}

impl Bench<homing::jobs::Processes> {
    fn processes(size: usize, role: Role) -> anyhow::Result<Self> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let program = std::env::current_exe()?;
        let name = role.name().context("a role has a name")?;
        let command = move || {
            let mut command = Program::new(&program);
            command.args([crate::role::OPTION, &name]);
            command
        };
        let pool = Pool::builder(&router).processes(size, Shm::new(), command).ahead(1).start()?;
        Ok(Self { event_loop, router, pool })
    }
}

impl<K: Backend> Bench<K> {
    /// Runs jobs to their ends. Returns how long that took.
    fn run<J: Job>(&mut self, jobs: impl Iterator<Item = J>) -> anyhow::Result<Duration>
    where
        K: Runs<J>,
    {
        let began = Instant::now();
        let mut count = 0;
        for job in jobs {
            count += 1;
            let handler = |done: &mut Done, event: JobEvent<J>| {
                if let JobEvent::Ended(Ok(_)) = event {
                    *done += 1;
                }
            };
            self.pool.submit(job, handler).map_err(SubmitError::into_kind)?;
        }
        let (mut done, pool) = (0, &self.pool);
        let is_over = |done: &mut Done| *done == count || pool.gave_up().is_some();
        self.event_loop.run_until(&self.router, &mut done, is_over)?;
        ensure!(done == count, "{done} of {count} jobs have completed");
        Ok(began.elapsed())
    }
}

fn millions(count: u64, time: Duration) -> f64 {
    crate::measure::millions_a_second(count, time)
}

/// Empty jobs through a pool of one process, beside questions to a worker process and its answers;
/// of both, the worker has two.
fn beside_echo(settings: &Settings) -> anyhow::Result<Figure> {
    let count = settings.pick(20_000, 4_000);
    let mut bench = Bench::processes(1, Role::Jobs)?;
    bench.run([Empty].into_iter())?;
    let mut commanded = Commanded::spawn(Shm::new(), Role::Obey)?;
    let _pinned = Place::Apart.foreground();
    let ours = || Ok(millions(count, bench.run((0..count).map(|_| Empty))?));
    let theirs = || {
        let began = Instant::now();
        commanded.pipelined(count, |reply| Command::Echo(1, reply))?;
        Ok(millions(count, began.elapsed()))
    };
    side_by_side(settings, ours, theirs)
}

/// How many workers pools have where that is not what is measured.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Empty jobs through as many processes as there are processors, beside Python's executor.
fn beside_python(settings: &Settings) -> anyhow::Result<Figure> {
    const SCRIPT: &str = "
import sys, time
from concurrent.futures import ProcessPoolExecutor, wait
workers, count = int(sys.argv[1]), int(sys.argv[2])
if __name__ == '__main__':
    with ProcessPoolExecutor(workers) as pool:
        wait([pool.submit(abs, number) for number in range(100)])
        began = time.perf_counter()
        wait([pool.submit(abs, number) for number in range(count)])
        print(time.perf_counter() - began)
";
    let (ours, theirs) = (settings.pick(50_000, 10_000), settings.pick(5_000, 1_000));
    let mut bench = Bench::processes(workers(), Role::JobsAnywhere)?;
    bench.run((0..100).map(|_| Empty))?;
    let python = || {
        let arguments = ["-c", SCRIPT, &workers().to_string(), &theirs.to_string()];
        let output = Program::new("python3").args(arguments).stderr(Stdio::inherit()).output()?;
        let seconds: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        Ok(millions(theirs, Duration::try_from_secs_f64(seconds)?))
    };
    side_by_side(settings, || Ok(millions(ours, bench.run((0..ours).map(|_| Empty))?)), python)
}

/// Empty closures on threads, beside `rayon`'s `spawn` and a channel.
fn beside_rayon(settings: &Settings) -> anyhow::Result<Figure> {
    let count = settings.pick(200_000, 50_000);
    let event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let pool = Pool::builder(&router).threads(workers()).ahead(16).start()?;
    let mut bench = Bench { event_loop, router, pool };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(workers()).build()?;
    let theirs = || {
        let began = Instant::now();
        let (sender, receiver) = crossbeam_channel::unbounded();
        for number in 0..count {
            let sender = sender.clone();
            threads.spawn(move || {
                // The receiver waits for all.
                let _ = sender.send(number);
            });
        }
        for _ in 0..count {
            receiver.recv()?;
        }
        Ok(millions(count, began.elapsed()))
    };
    let jobs = |count| (0..count).map(|number: u64| Call::<u64>::new(move |_| Ok(number)));
    side_by_side(settings, || Ok(millions(count, bench.run(jobs(count))?)), theirs)
}

/// A tree of files, which is removed in the end.
struct Tree {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Tree {
    fn make(count: usize) -> anyhow::Result<Self> {
        let root = std::env::temp_dir().join(format!("homing-bench-{}", std::process::id()));
        fs::create_dir(&root)?;
        let mut tree = Self { root, files: Vec::new() };
        for number in 0..count {
            // Most are small, some are not.
            let len = if number % 50 == 0 { 2_000_000 } else { number * 7919 % 40_000 };
            let path = tree.root.join(number.to_string());
            fs::write(&path, vec![number as u8; len])?;
            tree.files.push(path);
        }
        Ok(tree)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Only for tidiness.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Digesting a tree of files with a pool of processes that is started for it, beside `xargs -P` and
/// `sha256sum`.
fn beside_xargs(settings: &Settings) -> anyhow::Result<Figure> {
    let tree = Tree::make(settings.pick(2_000, 500))?;
    let ours = || {
        let began = Instant::now();
        let mut bench = Bench::processes(workers(), Role::JobsAnywhere)?;
        bench.run(tree.files.iter().cloned().map(Digest))?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    };
    let theirs = || {
        let began = Instant::now();
        xargs(&tree.files)?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    };
    side_by_side(settings, ours, theirs)
}

fn xargs(files: &[impl AsRef<Path>]) -> anyhow::Result<()> {
    let mut child = Program::new("xargs")
        .args(["-0", "-n", "16", "-P", &workers().to_string(), "sha256sum"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut names = child.stdin.take().context("it is piped")?;
    for file in files {
        names.write_all(file.as_ref().as_os_str().as_encoded_bytes())?;
        names.write_all(&[0])?;
    }
    drop(names);
    ensure!(child.wait()?.success(), "sha256sum has failed");
    Ok(())
}
