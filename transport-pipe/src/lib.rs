//! OS pipes.
