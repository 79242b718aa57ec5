//! The shared memory of a link. The one module of this crate with `unsafe` code.
//!
//! The other process may write to all of it at any time. So no reference is ever formed to
//! it but to atomics, and every access is an atomic one of a whole, aligned word. `WIRE.md`
//! describes what stands where.

use std::ffi::c_void;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::ring::Memory;
use crate::ring::control::{ALIGN, ControlWords};

/// Tells a region of this protocol and version from other memory: `HOMESHM` and the version.
const MAGIC: u64 = u64::from_le_bytes(*b"HOMESHM\x01");

// Offsets. The words that one side writes in the steady state stand on lines of their own,
// and in pairs of lines of their own, as processors fetch them.
const AT_MAGIC: usize = 0;
const AT_SIZE: usize = 8;
const AT_TAIL: usize = 128;
const AT_HEAD: usize = 256;
const AT_RING: usize = 4096;

/// The smallest ring, and the largest.
pub(crate) const MIN_RING: usize = 4096;
pub(crate) const MAX_RING: usize = 1 << 30;

/// What a region may not be changed in, before anybody maps it.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

const HUGE: usize = 2 << 20;

/// A mapped region.
pub(crate) struct Region {
    base: NonNull<u8>,
    mapped: usize,
    /// The length of the ring: a power of two, at least [`MIN_RING`].
    ring_len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is accessed by atomics
// only.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Makes a region with a ring of `ring` bytes, a power of two from [`MIN_RING`] to
    /// [`MAX_RING`]. Its descriptor is for the other side.
    pub(crate) fn create(ring: usize, huge_pages: bool) -> io::Result<(Self, OwnedFd)> {
        if huge_pages && let Ok(made) = Self::create_huge(ring) {
            return Ok(made);
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know the last flag; later ones warn when it is not there.
        let fd = rustix::fs::memfd_create(c"homing", flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| rustix::fs::memfd_create(c"homing", flags))?;
        let made = Self::seal_and_map(fd, AT_RING + ring, ring)?;
        if huge_pages {
            made.0.ask_for_huge_pages();
        }
        Ok(made)
    }

    fn create_huge(ring: usize) -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let flags = flags | MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        let fd = rustix::fs::memfd_create(c"homing", flags)?;
        Self::seal_and_map(fd, (AT_RING + ring).next_multiple_of(HUGE), ring)
    }

    fn seal_and_map(fd: OwnedFd, size: usize, ring: usize) -> io::Result<(Self, OwnedFd)> {
        check_file_size(size as u64)?;
        rustix::fs::ftruncate(&fd, size as u64)?;
        rustix::fs::fcntl_add_seals(&fd, SEALS)?;
        let region = Self::map(&fd, size, ring)?;
        region.word(AT_SIZE).store(ring as u64, Ordering::Relaxed);
        // The other side is given the descriptor after this.
        region.word(AT_MAGIC).store(MAGIC, Ordering::Release);
        Ok((region, fd))
    }

    /// Maps a region that another process has made.
    pub(crate) fn adopt(fd: &OwnedFd) -> io::Result<Self> {
        // Before anything is mapped: memory that could shrink would be a SIGBUS later.
        if !rustix::fs::fcntl_get_seals(fd)?.contains(SEALS) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let size = usize::try_from(rustix::fs::fstat(fd)?.st_size);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        if !(AT_RING + MIN_RING..=AT_RING + MAX_RING + HUGE).contains(&size) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut region = Self::map(fd, size, MIN_RING)?;
        let magic = region.word(AT_MAGIC).load(Ordering::Acquire);
        let ring = usize::try_from(region.word(AT_SIZE).load(Ordering::Relaxed));
        match ring {
            Ok(ring)
                if magic == MAGIC
                    && (MIN_RING..=MAX_RING).contains(&ring)
                    && ring.is_power_of_two()
                    && AT_RING + ring <= size =>
            {
                region.ring_len = ring;
                Ok(region)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Maps a file of `size` bytes, sealed against shrinking, of which a ring of `ring` bytes
    /// is a part.
    fn map(fd: impl AsFd, size: usize, ring: usize) -> io::Result<Self> {
        debug_assert!(AT_RING + ring <= size && ring.is_power_of_two(), "sizes of a region");
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping, at an address that the system chooses, takes the place of
        // nothing.
        let base =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), size, protection, flags, fd, 0)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, mapped: size, ring_len: ring })
    }

    fn ask_for_huge_pages(&self) {
        // SAFETY: it is the whole of a mapping that is owned here, and the advice changes
        // nothing of what it holds.
        let advised = unsafe {
            rustix::mm::madvise(self.base.as_ptr().cast(), self.mapped, Advice::LinuxHugepage)
        };
        // It was only advice.
        let _ = advised;
    }

    /// A word of the header.
    #[inline]
    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at < AT_RING && at.is_multiple_of(ALIGN), "a word of the header");
        // SAFETY: the header is `AT_RING` bytes long and all of it is mapped, for as long as
        // `self` lives; `at` is one of the constants above, a multiple of 8, and the mapping
        // begins at a page. Any bits are a number. The other process accesses the word
        // whichever way it likes; this one only as an atomic.
        unsafe { &*self.base.as_ptr().add(at).cast::<AtomicU64>() }
    }

    /// The words of the ring from `index` on to its end, and their number, at least one.
    #[inline]
    fn words_from(&self, index: u64) -> (*const AtomicU64, usize) {
        // `ring` is a power of two, so the mask keeps the offset inside, and the rest aligns
        // it.
        let offset = index as usize & (self.ring_len - 1) & !(ALIGN - 1);
        // SAFETY: `AT_RING + ring` bytes are mapped, and `offset` is less than `ring`.
        let first = unsafe { self.base.as_ptr().add(AT_RING + offset) };
        (first.cast(), (self.ring_len - offset) / ALIGN)
    }
}

impl ControlWords for Region {
    #[inline]
    fn tail(&self) -> &AtomicU64 {
        self.word(AT_TAIL)
    }

    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.word(AT_HEAD)
    }
}

impl Memory for Region {
    #[inline]
    fn len(&self) -> usize {
        self.ring_len
    }

    #[inline]
    fn write(&self, index: u64, bytes: &[u8]) {
        let (words, count) = self.words_from(index);
        let (bytes, wrapped) = bytes.split_at_checked(count * ALIGN).unwrap_or((bytes, &[]));
        // SAFETY: the words up to the ring's end are mapped, and `bytes` is no longer.
        unsafe { store(words, bytes) };
        if !wrapped.is_empty() {
            let wrapped = wrapped.get(..self.ring_len).unwrap_or(wrapped);
            // SAFETY: the words of the whole ring are mapped, and `wrapped` is no longer.
            unsafe { store(self.words_from(0).0, wrapped) };
        }
    }

    #[inline]
    fn read(&self, index: u64, into: &mut [u8]) {
        let (words, count) = self.words_from(index);
        let count = into.len().min(count * ALIGN);
        let (into, wrapped) = into.split_at_mut(count);
        // SAFETY: the words up to the ring's end are mapped, and `into` is no longer.
        unsafe { load(words, into) };
        if !wrapped.is_empty() {
            let count = wrapped.len().min(self.ring_len);
            let (wrapped, _) = wrapped.split_at_mut(count);
            // SAFETY: the words of the whole ring are mapped, and `wrapped` is no longer.
            unsafe { load(self.words_from(0).0, wrapped) };
        }
    }
}

/// How many words a round of the loops below moves.
const ROUND: usize = 8;

/// Stores bytes to words; the last word is filled up with zeroes.
///
/// # Safety
///
/// From `words` on, as many aligned words as the bytes fill are mapped.
#[inline]
unsafe fn store(mut words: *const AtomicU64, bytes: &[u8]) {
    // Relaxed: the index that is published afterwards carries the order.
    let put = |words: *const AtomicU64, at: usize, bytes: &[u8; ALIGN]| {
        // SAFETY: the caller's: `at` counts words that the bytes fill.
        let word = unsafe { &*words.add(at) };
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    };
    let (chunks, rest) = bytes.as_chunks::<ALIGN>();
    let (rounds, chunks) = chunks.as_chunks::<ROUND>();
    for round in rounds {
        for (at, chunk) in round.iter().enumerate() {
            put(words, at, chunk);
        }
        // SAFETY: the caller's; at most one past the last word that the bytes fill.
        words = unsafe { words.add(ROUND) };
    }
    for (at, chunk) in chunks.iter().enumerate() {
        put(words, at, chunk);
    }
    if !rest.is_empty() {
        let mut last = [0; ALIGN];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        put(words, chunks.len(), &last);
    }
}

/// Loads bytes from words.
///
/// # Safety
///
/// From `words` on, as many aligned words as the bytes fill are mapped.
#[inline]
unsafe fn load(mut words: *const AtomicU64, into: &mut [u8]) {
    // Relaxed: the index that was read before carries the order.
    let get = |words: *const AtomicU64, at: usize| {
        // SAFETY: the caller's: `at` counts words that the bytes fill.
        let word = unsafe { &*words.add(at) };
        word.load(Ordering::Relaxed).to_ne_bytes()
    };
    let (chunks, rest) = into.as_chunks_mut::<ALIGN>();
    let (rounds, chunks) = chunks.as_chunks_mut::<ROUND>();
    for round in rounds {
        for (at, chunk) in round.iter_mut().enumerate() {
            *chunk = get(words, at);
        }
        // SAFETY: the caller's; at most one past the last word that the bytes fill.
        words = unsafe { words.add(ROUND) };
    }
    let count = chunks.len();
    for (at, chunk) in chunks.iter_mut().enumerate() {
        *chunk = get(words, at);
    }
    if !rest.is_empty() {
        for (to, from) in rest.iter_mut().zip(get(words, count)) {
            *to = from;
        }
    }
}

/// A file beyond the limit on file sizes would be more than an error: SIGXFSZ, which kills.
fn check_file_size(size: u64) -> io::Result<()> {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < size => {
            let text = format!(
                "shared memory of {size} bytes exceeds this process's limit on file sizes \
                 (RLIMIT_FSIZE: {limit} bytes); raise it, or make the ring smaller"
            );
            Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
        }
        _ => Ok(()),
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, by the one who owns it; every reference into it
        // borrows `self`. It cannot fail for such a range.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast::<c_void>(), self.mapped) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("ring_len", &self.ring_len).finish_non_exhaustive()
    }
}
