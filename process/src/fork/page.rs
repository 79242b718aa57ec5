//! A page that the kernel clears in a forked child (`MADV_WIPEONFORK`, Linux 4.14).

use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// What stands in the page in the original process.
const ORIGINAL: u8 = 1;

/// Large enough for any page size: the kernel maps whole pages.
const LEN: usize = 1;

/// Null until installed, and where the kernel has no such pages.
static PAGE: AtomicPtr<AtomicU8> = AtomicPtr::new(ptr::null_mut());

pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        let page = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let Ok(page) = page else { return };
        // SAFETY: the mapping was made above and is not used by anything yet.
        if unsafe { madvise(page, LEN, Advice::LinuxWipeOnFork) }.is_err() {
            // SAFETY: as above; nothing refers to the mapping.
            let _ = unsafe { munmap(page, LEN) };
            return;
        }
        let page = page.cast::<AtomicU8>();
        // SAFETY: the mapping is at least a byte, writable, and never unmapped from here on.
        unsafe { &*page }.store(ORIGINAL, Ordering::Relaxed);
        // Release pairs with the Acquire below: the byte is set before the page is found.
        PAGE.store(page, Ordering::Release);
    });
}

#[inline]
pub(super) fn forked() -> bool {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: a pointer that is not null is that of a page that is never unmapped, and holds
    // an atomic byte.
    !page.is_null() && unsafe { &*page }.load(Ordering::Relaxed) != ORIGINAL
}
