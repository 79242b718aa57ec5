//! Scribbles.
