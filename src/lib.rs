//! Homing routes messages from background workers home to the foreground's event loop.
