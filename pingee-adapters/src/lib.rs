//! Event loops for [Homing](https://crates.io/crates/homing): one small module for each,
//! behind a feature. None of them knows any transport.
//!
//! | feature | module | event loop |
//! |---|---|---|
//! | `std-loop` (default) | [`std_loop`] | for programs that have none: waits for the doorbells itself |
//! | `calloop` | `calloop` | [calloop](https://crates.io/crates/calloop) 0.14: the router is an event source |
//! | `task` | `task` | any async runtime: tokio, smol, glib, embassy |
//! | `winit` | `winit` | winit 0.30 |
//! | `winit-031` | `winit_031` | winit 0.31, a beta |
//! | | [`from_fn`] | any loop that a function can wake from any thread |

#![forbid(unsafe_code)]

#[cfg(feature = "calloop")]
pub mod calloop;
mod from_fn;
#[cfg(feature = "std-loop")]
pub mod std_loop;
#[cfg(feature = "task")]
pub mod task;
#[cfg(feature = "winit")]
pub mod winit;
#[cfg(feature = "winit-031")]
pub mod winit_031;
#[cfg(any(feature = "winit", feature = "winit-031"))]
mod winit_common;

pub use from_fn::{FnPinger, from_fn};
