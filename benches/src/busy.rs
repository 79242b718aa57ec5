//! Processes that keep all processors busy, so that a figure can be taken beside them.

use std::io::Read as _;
use std::process::Child;
use std::thread;

use crate::role::Role;

/// Two processes more than there are processors, until this is dropped.
pub(crate) struct Busy(Vec<Child>);

impl Busy {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let count = thread::available_parallelism()?.get() + 2;
        let mut busy = Self(Vec::new());
        for _ in 0..count {
            busy.0.push(Role::Busy.command()?.spawn()?);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Neither fails for a child that is there.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Computes until the end of standard input, that is, until the process that measures is gone.
pub(crate) fn spin() -> anyhow::Result<()> {
    thread::spawn(|| {
        let mut number = 0u64;
        loop {
            number = std::hint::black_box(number.wrapping_mul(6364136223846793005).wrapping_add(1));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
