//! tokio, as the suite drives it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homing::task::TaskDriver;
use homing_conformance::{EventLoopRig, WakeFn};
use homing_router::{LoopBinding, Router};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// A runtime of this thread, and what ends a wait of its task.
struct Foreground {
    runtime: Runtime,
    nudged: Arc<Notify>,
}

impl Foreground {
    fn new() -> Self {
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            nudged: Arc::default(),
        }
    }

    fn wake_fn(&self) -> WakeFn {
        let nudged = Arc::clone(&self.nudged);
        Arc::new(move || nudged.notify_one())
    }

    /// Whether `due` came to its end in this time, and the loop was not nudged.
    fn wait(&self, due: impl Future<Output = ()>, most: Duration) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = due => true,
                () = self.nudged.notified() => false,
                () = too_long(most) => false,
            }
        })
    }
}

/// Gives others a few turns also when there is no time at all.
async fn too_long(most: Duration) {
    for _ in 0..4 {
        yield_now().await;
    }
    tokio::time::sleep(most).await;
}

pub struct Task {
    foreground: Foreground,
    home: TaskDriver,
}

impl EventLoopRig for Task {
    fn new() -> Self {
        Self { foreground: Foreground::new(), home: TaskDriver::new() }
    }

    fn binding(&self) -> LoopBinding {
        LoopBinding::from(&self.home)
    }

    fn wake_fn(&self) -> WakeFn {
        self.foreground.wake_fn()
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        if self.foreground.wait(self.home.due(router), most) {
            let _ = router.dispatch(app);
        }
    }
}

#[cfg(unix)]
pub mod descriptor {
    use std::os::fd::OwnedFd;

    use homing_router::DoorbellSet;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::*;

    pub struct Descriptor {
        // Dropped before the runtime that watches it.
        fd: AsyncFd<OwnedFd>,
        doorbells: DoorbellSet,
        foreground: Foreground,
    }

    impl EventLoopRig for Descriptor {
        fn new() -> Self {
            let foreground = Foreground::new();
            let doorbells = DoorbellSet::new().unwrap();
            let fd = doorbells.with_fd(|fd| fd.try_clone_to_owned()).unwrap();
            let _runtime = foreground.runtime.enter();
            #[allow(deprecated, reason = "what replaces it is unsafe; an `OwnedFd` is sound")]
            let fd = AsyncFd::with_interest(fd, Interest::READABLE).unwrap();
            Self { fd, doorbells, foreground }
        }

        fn binding(&self) -> LoopBinding {
            LoopBinding::readiness(&self.doorbells)
        }

        fn wake_fn(&self) -> WakeFn {
            self.foreground.wake_fn()
        }

        fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
            let due = async {
                if router.is_due() {
                    yield_now().await;
                } else {
                    self.fd.readable().await.unwrap().clear_ready();
                }
            };
            if self.foreground.wait(due, most) {
                self.doorbells.wait(Some(Duration::ZERO)).unwrap();
                let _ = router.dispatch(app);
            }
        }
    }
}
