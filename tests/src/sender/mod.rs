//! Checks of senders, B1 to B7, B18 and B19, and of the overflow policies, on every transport.

mod close_reason;
mod gone;
mod messages;
mod overflow;
mod room;
mod states;
mod types;

pub use close_reason::*;
pub use gone::*;
pub use messages::*;
pub use overflow::*;
pub use room::*;
pub use states::*;
pub use types::*;
