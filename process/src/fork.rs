//! Whether this process is a copy that `fork` has made without `exec`.

use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_os = "linux")]
#[path = "fork/page.rs"]
#[allow(unsafe_code, reason = "maps the page that the kernel clears in a forked child")]
mod imp;

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn mark() -> u64 {
        look()
    }

    pub(super) fn look() -> u64 {
        u64::from(std::process::id())
    }
}

/// The mark of the process that first used Homing; 0 before that.
static ORIGINAL: AtomicU64 = AtomicU64::new(0);

/// Remembers this process as the one that [`forked`] compares with. Only the first call does.
pub(crate) fn install() {
    // Relaxed: nothing else is published with the mark.
    let _ = ORIGINAL.compare_exchange(0, imp::mark(), Ordering::Relaxed, Ordering::Relaxed);
}

/// Whether this process was forked, without `exec`, from the one that first used Homing to
/// start a worker, to adopt a link or to make a [`ForkGuard`].
///
/// Such a copy has the descriptors and the mapped memory of the original, and must not use
/// either.
///
/// On Linux a look costs three loads; elsewhere it costs a `getpid`.
#[inline]
pub fn forked() -> bool {
    let original = ORIGINAL.load(Ordering::Relaxed);
    original != 0 && imp::look() != original
}

/// Tells the process that has made a thing from copies that `fork` has made of it since,
/// without `exec`.
///
/// A transport keeps one beside a descriptor or mapped memory that the copies share with the
/// original: a copy must neither send, nor tell the peer of an end when it drops its own
/// values.
///
/// ```
/// let guard = homing_process::ForkGuard::new();
/// assert!(!guard.is_forked_copy());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkGuard(u64);

impl ForkGuard {
    /// A guard of what this process makes now.
    pub fn new() -> Self {
        install();
        Self(imp::mark())
    }

    /// Whether this process is a copy of the one that has made the guard.
    ///
    /// On Linux a look costs two loads and a comparison; elsewhere it costs a `getpid`.
    #[inline]
    pub fn is_forked_copy(self) -> bool {
        imp::look() != self.0
    }
}

impl Default for ForkGuard {
    fn default() -> Self {
        Self::new()
    }
}
