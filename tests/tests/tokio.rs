//! tokio: a task that drives the router, woken by it, or by the descriptor of its doorbells.

mod rigs;

mod task {
    use super::rigs::tokio::Task;
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
    use super::rigs::tokio::descriptor::Descriptor;
    use super::*;

    homing_conformance::event_loop_suite!(channel, rigs::Channels, Descriptor,
        except: [b06_a_message_over_the_limit_is_refused]
    );
    homing_conformance::event_loop_suite!(pipe, rigs::Pipes, Descriptor);
    #[cfg(target_os = "linux")]
    homing_conformance::event_loop_suite!(shm, rigs::SharedMemory, Descriptor);
}
