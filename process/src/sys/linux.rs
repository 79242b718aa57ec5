//! Linux: descriptor tables, signals on hang-up, and processes by pidfd.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, RawFd};

use homing_core::Exit;

/// Proof that the calling thread has a descriptor table of its own: what it opens and closes
/// by number, no other thread notices. Not `Send`: it is about this thread.
pub(crate) struct PrivateTable(std::marker::PhantomData<*const ()>);

impl PrivateTable {
    /// Gives the calling thread a copy of the process's descriptor table.
    ///
    /// # Safety
    ///
    /// From here on, the numbers of descriptors mean other things on this thread than on
    /// others. The thread must be the caller's own, must hold no descriptor that it shares
    /// with other threads as an owned value, and must hand none over.
    pub(crate) unsafe fn enter() -> io::Result<Self> {
        // SAFETY: the caller's promise covers what unsharing the table can break.
        if unsafe { libc::unshare(libc::CLONE_FILES) } == 0 {
            return Ok(Self(std::marker::PhantomData));
        }
        // Containers often refuse `unshare` as a whole, and let this do the same. The range
        // holds no descriptor, so nothing is closed.
        // SAFETY: as above.
        let done = unsafe {
            libc::syscall(
                libc::SYS_close_range,
                libc::c_uint::MAX,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_UNSHARE,
            )
        };
        if done == 0 { Ok(Self(std::marker::PhantomData)) } else { Err(io::Error::last_os_error()) }
    }

    /// A descriptor of this table, by its number. When it is not open, what is done with it
    /// fails with EBADF.
    pub(crate) fn get(&self, number: RawFd) -> BorrowedFd<'_> {
        debug_assert!(number >= 0);
        // SAFETY: the number is not -1. The table is this thread's own, so no other thread closes
        // or replaces what stands there, and nothing closes it while this is borrowed.
        unsafe { BorrowedFd::borrow_raw(number) }
    }

    /// Closes all of this table but `kept`.
    pub(crate) fn close_all_but(&mut self, kept: &[RawFd]) {
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let mut first: libc::c_uint = 0;
        for number in kept {
            let Ok(number) = libc::c_uint::try_from(number) else { continue };
            if first < number {
                self.close_range(first, number - 1);
            }
            first = number.saturating_add(1);
        }
        self.close_range(first, libc::c_uint::MAX);
    }

    /// Closes one descriptor of this table, which nothing owns.
    pub(crate) fn close(&mut self, number: RawFd) {
        if let Ok(number) = libc::c_uint::try_from(number) {
            self.close_range(number, number);
        }
    }

    fn close_range(&mut self, first: libc::c_uint, last: libc::c_uint) {
        // SAFETY: the table is this thread's own, which holds no descriptor as an owned value
        // (`enter`); nothing is borrowed from the table, as `self` is borrowed mutably.
        let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if done == 0 {
            return;
        }
        // Before Linux 5.9. The directory lists this thread's own table.
        let Ok(entries) = std::fs::read_dir("/proc/thread-self/fd") else { return };
        let numbers: Vec<libc::c_int> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|number: &libc::c_int| (first..=last).contains(&number.cast_unsigned()))
            .collect();
        for number in numbers {
            // SAFETY: as above. One that is not open any more is an error without effect.
            unsafe { libc::close(number) };
        }
    }
}

/// The kernel's generic number, which std's and libc's bindings lack.
const F_SETSIG: libc::c_int = 10;

/// Which processes the kernel signals.
#[derive(Clone, Copy)]
pub(crate) enum Hangup {
    Process(libc::pid_t),
    Group(libc::pid_t),
}

/// Has the kernel send SIGKILL when the other end of this socket is closed by all who hold
/// it, or when something arrives on it.
pub(crate) fn signal_on_hangup(socket: BorrowedFd<'_>, whom: Hangup) -> io::Result<()> {
    let owner = match whom {
        Hangup::Process(id) => id,
        Hangup::Group(id) => -id,
    };
    control(socket, F_SETSIG, libc::SIGKILL)?;
    control(socket, libc::F_SETOWN, owner)?;
    let flags = control(socket, libc::F_GETFL, 0)?;
    control(socket, libc::F_SETFL, flags | libc::O_ASYNC)?;
    Ok(())
}

/// Undoes [`signal_on_hangup`].
pub(crate) fn stop_signal_on_hangup(socket: BorrowedFd<'_>) {
    // It can fail only for a descriptor that is not open, which signals nothing.
    let _ = control(socket, libc::F_SETOWN, 0);
}

fn control(
    fd: BorrowedFd<'_>,
    command: libc::c_int,
    value: libc::c_int,
) -> io::Result<libc::c_int> {
    // SAFETY: the descriptor is borrowed for the call; all commands used here take an integer.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), command, value) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// `PIDFD_SIGNAL_PROCESS_GROUP`, Linux 6.9.
const SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// Kills the process group of the process behind `pidfd`, also after that one was reaped.
pub(crate) fn kill_group_of(pidfd: impl AsFd) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call, and no signal information is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            libc::SIGKILL,
            std::ptr::null::<libc::siginfo_t>(),
            SIGNAL_PROCESS_GROUP,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `struct pidfd_info` in its first version.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_status: i32,
}

/// `PIDFD_INFO_EXIT`, Linux 6.15.
const INFO_EXIT: u64 = 1 << 3;

/// How the process behind `pidfd` ended, from the kernel's own record: for one that another
/// thread, or the kernel, has reaped. `None` where the kernel cannot say.
pub(crate) fn exit_of_pidfd(pidfd: impl AsFd) -> Option<Exit> {
    const GET_INFO: rustix::ioctl::Opcode =
        rustix::ioctl::opcode::read_write::<PidfdInfo>(0xff, 11);
    let mut info = PidfdInfo { mask: INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the opcode states the size of the structure, of which the kernel writes no more;
    // any bytes are valid for its integers.
    let result = unsafe {
        let update = rustix::ioctl::Updater::<GET_INFO, PidfdInfo>::new(&mut info);
        rustix::ioctl::ioctl(pidfd, update)
    };
    if result.is_err() || info.mask & INFO_EXIT == 0 {
        return None;
    }
    let status = info.exit_status;
    Some(if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    })
}
