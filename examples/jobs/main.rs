//! Counts primes in worker processes, shows how far they are, and cancels what takes too long.

use std::{process::Command, time::Duration};

use homing::jobs::{self, Cancelled, Context, Job, JobEvent, Pool};
use homing::{Router, pipe::Pipe, std_loop::EventLoop};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Serialize, Deserialize)]
struct CountPrimes(u64);

impl Job for CountPrimes {
    type Output = u64;
    type Progress = u64;
    type Error = Cancelled;
    const NAME: &'static str = "count-primes";

    fn run(self, cx: &mut Context<'_, Self>) -> Result<u64, Cancelled> {
        let mut count = 0;
        for number in 2..self.0 {
            count += u64::from((2..).take_while(|d| d * d <= number).all(|d| number % d != 0));
            cx.progress(number);
            cx.check()?;
        }
        Ok(count)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if homing::worker::link().is_ok() {
        return Ok(jobs::worker().job::<CountPrimes>().serve()?); // this process is a worker
    }
    let mut event_loop = EventLoop::new()?;
    let router: Router<u32> = Router::new(&event_loop); // its context is how many jobs have ended
    router.start()?;
    let this = std::env::current_exe()?;
    let workers = Pool::builder(&router).processes(2, Pipe::new(), move || Command::new(&this));
    let pool = workers.start()?;
    for below in [50_000, 100_000, 1_000_000_000_000] {
        let task = pool.submit(CountPrimes(below), move |ended: &mut u32, event| match event {
            JobEvent::Progress(number) => eprint!("\r{number} of {below} "),
            JobEvent::Ended(end) => {
                println!("\rbelow {below}: {end:?} ");
                *ended += 1;
            }
            _ => {}
        })?;
        let too_long = move |_: &mut u32| _ = task.cancel();
        router.after(Duration::from_secs(3), too_long)?.detach();
    }
    event_loop.run_until(&router, &mut 0, |ended| *ended == 3)?;
    Ok(())
}
