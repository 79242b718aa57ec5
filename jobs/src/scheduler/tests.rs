//! What the scheduler decides.
