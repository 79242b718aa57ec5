//! Checks of senders, B1 to B7, and of the overflow policies, on every transport.

mod gone;
mod leaving;
mod messages;
mod overflow;
mod room;
mod states;

pub use gone::*;
pub use leaving::*;
pub use messages::*;
pub use overflow::*;
pub use room::*;
pub use states::*;
