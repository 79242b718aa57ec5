//! Handing handles to a child process, and adopting them there. One of the modules with
//! `unsafe` code.

use std::io;

use crate::OwnedHandle;

/// Names `handles` as [`adopt`] expects it.
#[cfg(unix)]
pub(crate) fn names<'a>(
    handles: impl IntoIterator<Item = &'a OwnedHandle>,
) -> io::Result<Vec<String>> {
    use std::os::fd::AsRawFd as _;

    let name = |handle: &OwnedHandle| {
        let identity = identity(handle)?;
        Ok(format!("{}:{identity}", handle.as_raw_fd()))
    };
    handles.into_iter().map(name).collect()
}

/// Moves a handle to a number above those of the standard descriptors, which a worker's
/// runtime may replace. It has such a number when the foreground has closed one of these.
#[cfg(unix)]
pub(crate) fn above_standard(handle: OwnedHandle) -> io::Result<OwnedHandle> {
    use std::os::fd::AsRawFd as _;

    if handle.as_raw_fd() >= 3 {
        return Ok(handle);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&handle, 3)?)
}

/// What tells a descriptor from any other that may have got its number since.
#[cfg(unix)]
fn identity(fd: impl std::os::fd::AsFd) -> io::Result<String> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Takes over the handles that the foreground handed to this process.
///
/// The caller calls it once in the life of the process.
#[cfg(unix)]
pub(crate) fn adopt(names: &[String]) -> io::Result<Vec<OwnedHandle>> {
    use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

    let mut numbers: Vec<RawFd> = Vec::new();
    for name in names {
        let (number, expected) = name.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let number: RawFd = number.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        // The standard descriptors are never handed over, and negative ones do not exist.
        if number < 3 || numbers.contains(&number) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the number is not -1. It is borrowed for one fstat and one fcntl; if it is
        // not open, they fail with EBADF, and nothing else is done with it.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        if identity(fd)? != expected {
            return Err(io::ErrorKind::NotFound.into());
        }
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        numbers.push(number);
    }
    let handles = numbers.into_iter().map(|number| {
        // SAFETY: the descriptor is open, and it is the very one that the foreground put
        // into this process for Homing to own: its inode is that of an anonymous pipe or
        // memory that exists nowhere else. The caller adopts once only, so nothing else owns
        // it.
        unsafe { OwnedFd::from_raw_fd(number) }
    });
    Ok(handles.collect())
}

/// Lets children inherit `handles`, and names each as [`adopt`] expects it. What comes back
/// beside the names is to be dropped after the child has been started.
///
/// Windows marks a handle, not a process: until then, any other child that is started
/// inherits them as well.
#[cfg(windows)]
pub(crate) fn inherit(handles: Vec<OwnedHandle>) -> io::Result<(Vec<String>, Vec<OwnedHandle>)> {
    use std::os::windows::io::AsRawHandle as _;

    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};

    let mut names = Vec::new();
    for handle in &handles {
        let raw = handle.as_raw_handle();
        // SAFETY: the handle is open: it is owned here.
        let done = unsafe { SetHandleInformation(raw, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        names.push((raw as usize).to_string());
    }
    Ok((names, handles))
}

/// Takes over the handles that the foreground handed to this process.
///
/// The caller calls it once in the life of the process.
#[cfg(windows)]
pub(crate) fn adopt(names: &[String]) -> io::Result<Vec<OwnedHandle>> {
    use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};

    let mut handles: Vec<OwnedHandle> = Vec::new();
    for name in names {
        let number: usize = name.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let raw = number as std::os::windows::io::RawHandle;
        // SAFETY: it only changes a flag, and fails for a number that is no open handle.
        let done = unsafe { SetHandleInformation(raw, HANDLE_FLAG_INHERIT, 0) };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        if handles.iter().any(|handle| handle.as_raw_handle() == raw) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the handle is open, and its number came from the foreground, which put it
        // into this process for Homing to own. The caller adopts once only.
        handles.push(unsafe { OwnedHandle::from_raw_handle(raw) });
    }
    Ok(handles)
}
