//! How much memory a process takes.

/// The resident memory of a process in bytes, as far as the system says.
#[cfg(target_os = "linux")]
pub(crate) fn resident(process_id: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{process_id}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Elsewhere no limit is watched.
#[cfg(not(target_os = "linux"))]
pub(crate) fn resident(_: u32) -> Option<u64> {
    None
}
