//! Checks of the router, B8 to B13 and B16, with every transport and every kind of loop.

mod closing;
mod ends;
mod fairness;
mod handlers;
mod left;
mod mailbox;
mod states;
mod stream;
mod until;

pub use closing::*;
pub use ends::*;
pub use fairness::*;
pub use handlers::*;
pub use left::*;
pub use mailbox::*;
pub use states::*;
pub use stream::*;
pub use until::*;
