//! What this process has: threads, descriptors, children.

use std::time::{Duration, Instant};

use crate::deadline::deadline;

/// Threads, descriptors and children of this process, and shared memory of Homing's that is mapped
/// or has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceCount {
    threads: usize,
    descriptors: usize,
    children: usize,
    mappings: usize,
    named: usize,
}

impl ResourceCount {
    /// Counts. `None` where the system has no `/proc`.
    pub fn take() -> Option<Self> {
        let count = |path: &str| std::fs::read_dir(path).map(Iterator::count).ok();
        Some(Self {
            threads: count("/proc/self/task")?,
            // One of them is the one that reads the directory, each time.
            descriptors: count("/proc/self/fd")?,
            children: children(),
            mappings: mappings(),
            named: named(),
        })
    }

    /// Waits until there is no more than there was. A thread that was joined may still be
    /// seen for a moment.
    pub fn expect_restored(&self) {
        let start = Instant::now();
        loop {
            let now = ResourceCount::take().expect("there was a /proc before");
            let fine = now.threads <= self.threads
                && now.descriptors <= self.descriptors
                && now.children <= self.children
                && now.mappings <= self.mappings
                && now.named <= self.named;
            if fine {
                return;
            }
            assert!(start.elapsed() < deadline(), "left behind: {now:?} instead of {self:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Processes whose parent is this one, dead ones too.
fn children() -> usize {
    let own = std::process::id();
    let is_child = |entry: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in parentheses may hold anything; the state and the parent follow it.
        let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (parent == own).then_some(())
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(is_child).count()
}

fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter(|line| line.contains("/memfd:homing")).count()
}

fn named() -> usize {
    let ours = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().to_lowercase().contains("homing")
    };
    std::fs::read_dir("/dev/shm").into_iter().flatten().flatten().filter(ours).count()
}
