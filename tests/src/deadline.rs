//! How long a check waits before it takes a wait for one without end.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::Duration;

/// The deadline on a machine that has nothing else to do.
const IDLE: Duration = Duration::from_secs(60);

/// The most by which a busy machine stretches deadlines.
const MAX_PATIENCE: f64 = 10.0;

thread_local! {
    static CHOSEN: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// After this time a check takes a wait for one without end, and fails. Nothing is expected to
/// take anywhere near as long: the deadline only ends a hang.
///
/// It is 60 seconds, stretched by how busy the machine was when the first check asked, at most
/// tenfold. The environment variable `HOMING_TEST_PATIENCE` replaces that factor: `5` waits five
/// times as long, under an emulator or a sanitizer, say, and `0.1` ends a hang after six seconds.
pub fn deadline() -> Duration {
    static SCALED: OnceLock<Duration> = OnceLock::new();
    (CHOSEN.get()).unwrap_or_else(|| *SCALED.get_or_init(|| IDLE.mul_f64(patience())))
}

/// Runs `work` with another [`deadline`], on this thread and on the threads that it starts with
/// [`background`](crate::background()). For tests that a check catches a transport or a loop that
/// is wrong: a wake-up that is known to be missing need not be waited for as long.
pub fn with_deadline<T>(deadline: Duration, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Duration>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _restore = Restore(CHOSEN.replace(Some(deadline)));
    work()
}

/// The deadline that was chosen for this thread, if one was.
pub(crate) fn chosen() -> Option<Duration> {
    CHOSEN.get()
}

/// The factor of this machine at this moment.
fn patience() -> f64 {
    match std::env::var("HOMING_TEST_PATIENCE") {
        Ok(text) => match text.parse::<f64>() {
            Ok(factor) if factor.is_finite() && factor > 0.0 => factor,
            _ => panic!("HOMING_TEST_PATIENCE is a number over 0, not {text:?}"),
        },
        Err(_) => runnable_per_core().unwrap_or(1.0).clamp(1.0, MAX_PATIENCE),
    }
}

/// How many threads want to run for each core. `None` where the system does not say.
fn runnable_per_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut fields = text.split_whitespace();
    let average: f64 = fields.next()?.parse().ok()?;
    // The average lags behind: what wants to run now stands in the fourth field.
    let now: f64 = fields.nth(2)?.split('/').next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    Some(average.max(now) / cores as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::background;

    #[test]
    fn a_chosen_deadline_holds_for_the_work_and_its_threads() {
        let before = deadline();
        let chosen = Duration::from_secs(7);
        with_deadline(chosen, || {
            assert_eq!(deadline(), chosen);
            assert_eq!(background(deadline).join(), chosen);
        });
        assert_eq!(deadline(), before);
    }

    #[test]
    fn a_busy_machine_gets_more_time_and_an_idle_one_no_less() {
        if std::env::var_os("HOMING_TEST_PATIENCE").is_none() {
            assert!((IDLE..=IDLE.mul_f64(MAX_PATIENCE)).contains(&deadline()));
        }
    }
}
