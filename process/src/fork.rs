//! Whether this process is a copy that `fork` has made without `exec`.

#[cfg(target_os = "linux")]
#[path = "fork/page.rs"]
#[allow(unsafe_code, reason = "maps the page that the kernel clears in a forked child")]
mod imp;

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::sync::OnceLock;

    static ORIGINAL: OnceLock<u32> = OnceLock::new();

    pub(super) fn install() {
        ORIGINAL.get_or_init(std::process::id);
    }

    pub(super) fn forked() -> bool {
        ORIGINAL.get().is_some_and(|id| *id != std::process::id())
    }
}

/// Remembers this process as the one that [`forked`] compares with. Only the first call does.
pub(crate) fn install() {
    imp::install();
}

/// Whether this process was forked, without `exec`, from the one that first used Homing to
/// start a worker or to adopt a link.
///
/// Such a copy has the descriptors and the mapped memory of the original, and must not use
/// either: a transport refuses to send, and a set of doorbells is dropped without a change to
/// what the kernel shares between the two.
///
/// On Linux a look costs one load; elsewhere it costs a `getpid`.
#[inline]
pub fn forked() -> bool {
    imp::forked()
}
