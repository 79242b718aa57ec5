//! What names a pipe on a serial line.

use core::fmt;

/// Names one pipe of a serial line. The chip and the foreground's program agree on it
/// beforehand: the pipe that the foreground makes first on its link is port 0, the next one
/// is port 1, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u32);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
