//! A page that the kernel clears in a forked child (`MADV_WIPEONFORK`, Linux 4.14).

use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Large enough for any page size: the kernel maps whole pages.
const LEN: usize = size_of::<AtomicU64>();

/// Null until installed, and where the kernel has no such pages.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// How many marks were given in this process and those that it is a copy of.
static MARKS: AtomicU64 = AtomicU64::new(0);

/// This process's mark, which no copy of it has. Not 0.
pub(super) fn mark() -> u64 {
    install();
    let Some(page) = page() else { return process_id() };
    match page.load(Ordering::Relaxed) {
        // The page is new, or this process is a copy that has no mark yet.
        0 => {
            let mark = MARKS.fetch_add(1, Ordering::Relaxed) + 1;
            match page.compare_exchange(0, mark, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => mark,
                Err(mark) => mark,
            }
        }
        mark => mark,
    }
}

/// This process's mark, or 0 when it has none yet.
#[inline]
pub(super) fn look() -> u64 {
    match page() {
        Some(page) => page.load(Ordering::Relaxed),
        None => process_id(),
    }
}

#[cold]
fn process_id() -> u64 {
    u64::from(std::process::id())
}

#[inline]
fn page() -> Option<&'static AtomicU64> {
    // Acquire pairs with the Release in `install`.
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: a pointer that is not null is that of a page that is never unmapped, and holds
    // an atomic number.
    unsafe { page.as_ref() }
}

fn install() {
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
        // Release pairs with the Acquire above: the page is made before it is found.
        PAGE.store(page.cast(), Ordering::Release);
    });
}
