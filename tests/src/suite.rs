//! The macros that instantiate the checks as tests.
//!
//! Each takes `except: [check, …]` at its end: checks of promises that a transport or a loop
//! does not give. They are reported as ignored. A name that is no check does not compile.

/// `transport_suite!(name, Rig)` makes tests of all checks of senders and of the router with
/// one [`TransportRig`](crate::TransportRig): with a loop that watches doorbells, and with one
/// that is pinged.
///
/// `transport_suite!(name, Rig, except: [overflow_latest_wins])` leaves checks out; they are
/// reported as ignored.
#[macro_export]
macro_rules! transport_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::event_loop_suite!(
                watched, $rig, $crate::Watched, except: [$($($except),*)?]
            );
            $crate::event_loop_suite!(
                pinged, $rig, $crate::Pinged, except: [$($($except),*)?]
            );
        }
    };
}

/// `event_loop_suite!(name, Rig, LoopRig)` makes tests of all checks of senders and of the
/// router with one [`TransportRig`](crate::TransportRig) and one
/// [`EventLoopRig`](crate::EventLoopRig). It takes `except: […]`, as
/// [`transport_suite!`](crate::transport_suite) does.
#[macro_export]
macro_rules! event_loop_suite {
    ($name:ident, $rig:ty, $loop:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__transport_checks! {
                __tests [$rig, $loop] () [transport: $($($except)*)?]
            }
        }
    };
}

/// `event_loop_checks!(Rig, LoopRig)` lists what
/// [`event_loop_suite!`](crate::event_loop_suite) makes tests of, as a
/// `Vec` of [`Check`](crate::Check)s. For a loop that must be on the main thread, in a test
/// binary that has a main function (`harness = false`). It takes `except: […]`.
#[macro_export]
macro_rules! event_loop_checks {
    ($rig:ty, $loop:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        $crate::__transport_checks! { __list [$rig, $loop] () [transport: $($($except)*)?] }
    };
}

/// `inlet_suite!(name, Rig)` makes tests of all checks of inlets with one
/// [`InletRig`](crate::InletRig). It takes `except: […]`, as
/// [`transport_suite!`](crate::transport_suite) does.
#[macro_export]
macro_rules! inlet_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__inlet_checks! { __tests [$rig] () [inlet: $($($except)*)?] }
        }
    };
}

/// `pingee_suite!(name, Rig)` makes tests of all checks of pingees with one
/// [`PingeeRig`](crate::PingeeRig). It takes `except: […]`, as
/// [`transport_suite!`](crate::transport_suite) does.
#[macro_export]
macro_rules! pingee_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__pingee_checks! { __tests [$rig] () [pingee: $($($except)*)?] }
        }
    };
}

/// `pingee_checks!(Rig)` lists what [`pingee_suite!`](crate::pingee_suite) makes tests of, as
/// [`event_loop_checks!`](crate::event_loop_checks) does. It takes `except: […]`.
#[macro_export]
macro_rules! pingee_checks {
    ($rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        $crate::__pingee_checks! { __list [$rig] () [pingee: $($($except)*)?] }
    };
}

/// `process_suite!(name, Rig)` makes tests of all checks of worker processes with one
/// [`ProcessRig`](crate::process::ProcessRig): with a loop that watches doorbells, and with one
/// that is pinged. Unix only. It takes `except: […]`, as
/// [`transport_suite!`](crate::transport_suite) does.
///
/// One of the tests is the worker program: the test binary starts itself again to run it.
#[macro_export]
macro_rules! process_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            const PROGRAM: $crate::process::Program =
                $crate::process::Program::new(concat!(module_path!(), "::worker_program"));

            #[test]
            fn worker_program() {
                $crate::process::play::<$rig>();
            }

            mod own_loop {
                #[allow(unused_imports)]
                use super::*;
                $crate::__foreground_checks! {
                    __tests [$rig] (PROGRAM) [process: $($($except)*)?]
                }
            }

            mod watched {
                #[allow(unused_imports)]
                use super::*;
                $crate::__process_checks! {
                    __tests [$rig, $crate::Watched] (PROGRAM) [process: $($($except)*)?]
                }
            }

            mod pinged {
                #[allow(unused_imports)]
                use super::*;
                $crate::__process_checks! {
                    __tests [$rig, $crate::Pinged] (PROGRAM) [process: $($($except)*)?]
                }
            }
        }
    };
}

/// `duplex_suite!(name, Rig)` makes tests of all checks of the way back with one
/// [`DuplexTransportRig`](crate::duplex::DuplexTransportRig): with a loop that watches doorbells,
/// and with one that is pinged. It takes `except: […]`, as
/// [`transport_suite!`](crate::transport_suite) does.
#[macro_export]
macro_rules! duplex_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            mod watched {
                #[allow(unused_imports)]
                use super::*;
                $crate::__duplex_checks! {
                    __tests [$crate::duplex::Threads<$rig>, $crate::Watched] (())
                        [duplex: $($($except)*)?]
                }
            }

            mod pinged {
                #[allow(unused_imports)]
                use super::*;
                $crate::__duplex_checks! {
                    __tests [$crate::duplex::Threads<$rig>, $crate::Pinged] (())
                        [duplex: $($($except)*)?]
                }
            }
        }
    };
}

/// `duplex_process_suite!(name, Rig)` makes tests of the same checks with one
/// [`DuplexProcessRig`](crate::duplex::DuplexProcessRig), whose workers are processes. Unix only.
///
/// One of the tests is the worker program: the test binary starts itself again to run it.
#[macro_export]
macro_rules! duplex_process_suite {
    ($name:ident, $rig:ty $(, except: [$($except:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            const PROGRAM: $crate::process::Program =
                $crate::process::Program::new(concat!(module_path!(), "::worker_program"));

            #[test]
            fn worker_program() {
                $crate::duplex::play::<$rig>();
            }

            mod watched {
                #[allow(unused_imports)]
                use super::*;
                $crate::__duplex_checks! {
                    __tests [$crate::duplex::Processes<$rig>, $crate::Watched] (PROGRAM)
                        [duplex: $($($except)*)?]
                }
            }

            mod pinged {
                #[allow(unused_imports)]
                use super::*;
                $crate::__duplex_checks! {
                    __tests [$crate::duplex::Processes<$rig>, $crate::Pinged] (PROGRAM)
                        [duplex: $($($except)*)?]
                }
            }
        }
    };
}
