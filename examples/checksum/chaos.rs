//! Killing workers on purpose.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use homing::Router;
use homing::jobs::Restart;

/// Kills a random worker process that often, for as long as the router runs. Returns how a pool is
/// to take it: the workers are replaced at once, and their deaths are no reason to give up.
pub fn kill_every<C: 'static>(router: &Router<C>, every: Duration) -> anyhow::Result<Restart> {
    let weak = router.downgrade();
    let kill = move |_: &mut C| {
        let Some(router) = weak.upgrade() else { return };
        let random = RandomState::new().hash_one(()) as usize;
        let count = router.workers().count();
        if let Some(worker) = router.workers().nth(random % count.max(1)) {
            // One that has ended meanwhile is not killed.
            let _ = worker.kill();
        }
        // A router that has stopped has no workers.
        let _ = kill_every(&router, every);
    };
    router.after(every, kill)?.detach();
    Ok(Restart::new().forever().backoff(Duration::ZERO, 1, Duration::ZERO))
}
