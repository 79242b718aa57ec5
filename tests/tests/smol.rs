//! smol: a task that drives the router, woken by it, or by the descriptor of its doorbells.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rigs;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homing::task::TaskDriver;
use homing_conformance::{EventLoopRig, WakeFn};
use homing_router::{LoopBinding, Router};
use smol::channel::{Receiver, Sender, bounded};
use smol::future::{or, yield_now};

/// What ends a wait of this thread's task.
struct Nudged(Sender<()>, Receiver<()>);

impl Nudged {
    fn new() -> Self {
        let (nudge, nudged) = bounded(1);
        Self(nudge, nudged)
    }

    fn wake_fn(&self) -> WakeFn {
        let nudge = self.0.clone();
        // It is full when the loop was nudged already.
        Arc::new(move || {
            let _ = nudge.try_send(());
        })
    }

    /// Whether `due` came to its end in this time, and the loop was not nudged.
    fn wait(&self, due: impl Future<Output = ()>, most: Duration) -> bool {
        let due = async {
            due.await;
            true
        };
        let nudged = async {
            self.1.recv().await.unwrap();
            false
        };
        smol::block_on(or(due, or(nudged, too_long(most))))
    }
}

/// Gives others a few turns also when there is no time at all.
async fn too_long(most: Duration) -> bool {
    for _ in 0..4 {
        yield_now().await;
    }
    smol::Timer::after(most).await;
    false
}

struct Task {
    nudged: Nudged,
    home: TaskDriver,
}

impl EventLoopRig for Task {
    fn new() -> Self {
        Self { nudged: Nudged::new(), home: TaskDriver::new() }
    }

    fn binding(&self) -> LoopBinding {
        LoopBinding::from(&self.home)
    }

    fn wake_fn(&self) -> WakeFn {
        self.nudged.wake_fn()
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        if self.nudged.wait(self.home.due(router), most) {
            let _ = router.dispatch(app);
        }
    }
}

#[cfg(unix)]
mod descriptor {
    use std::os::fd::OwnedFd;

    use homing_router::DoorbellSet;
    use smol::Async;

    use super::*;

    pub(crate) struct Descriptor {
        nudged: Nudged,
        doorbells: DoorbellSet,
        fd: Async<OwnedFd>,
    }

    impl EventLoopRig for Descriptor {
        fn new() -> Self {
            let doorbells = DoorbellSet::new().unwrap();
            let fd = doorbells.with_fd(|fd| fd.try_clone_to_owned()).unwrap();
            let fd = Async::new_nonblocking(fd).unwrap();
            Self { nudged: Nudged::new(), doorbells, fd }
        }

        fn binding(&self) -> LoopBinding {
            LoopBinding::readiness(&self.doorbells)
        }

        fn wake_fn(&self) -> WakeFn {
            self.nudged.wake_fn()
        }

        fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
            let due = async {
                if router.is_due() {
                    yield_now().await;
                } else {
                    self.fd.readable().await.unwrap();
                }
            };
            if self.nudged.wait(due, most) {
                self.doorbells.wait(Some(Duration::ZERO)).unwrap();
                let _ = router.dispatch(app);
            }
        }
    }
}

mod task {
    use super::*;

    homing_conformance::event_loop_suite!(channel, rigs::Channels, Task,
        except: [b06_a_message_over_the_limit_is_refused]
    );
    homing_conformance::event_loop_suite!(pipe, rigs::Pipes, Task);
    #[cfg(target_os = "linux")]
    homing_conformance::event_loop_suite!(shm, rigs::SharedMemory, Task);
}

#[cfg(unix)]
mod watched {
    use super::descriptor::Descriptor;
    use super::*;

    homing_conformance::event_loop_suite!(channel, rigs::Channels, Descriptor,
        except: [b06_a_message_over_the_limit_is_refused]
    );
    homing_conformance::event_loop_suite!(pipe, rigs::Pipes, Descriptor);
    #[cfg(target_os = "linux")]
    homing_conformance::event_loop_suite!(shm, rigs::SharedMemory, Descriptor);
}
