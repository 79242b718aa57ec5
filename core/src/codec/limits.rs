//! What decoding a message may take.

/// What decoding one message may take: see the [module](super) for what is counted.
///
/// ```
/// use homing_core::codec::DecodeLimits;
///
/// let limits = DecodeLimits::new().depth(512).memory(1 << 30);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DecodeLimits {
    depth: u32,
    memory: Option<usize>,
    empty_elements: usize,
}

impl DecodeLimits {
    /// As [`new`](DecodeLimits::new).
    pub const DEFAULT: Self = Self::new();

    /// How deep a message may nest unless another limit is set: 128 levels.
    pub const DEFAULT_DEPTH: u32 = 128;

    /// How many elements of a message may take no bytes unless another limit is set: 65,536.
    pub const DEFAULT_EMPTY_ELEMENTS: usize = 1 << 16;

    /// How many times the longest message a decoded one may be in memory unless another limit
    /// is set: 8 times.
    pub const MEMORY_PER_BYTE: usize = 8;

    /// The smallest limit on memory that is derived from a message's length: 64 KiB. With
    /// less, links for short messages would refuse small collections of large structs.
    pub const MIN_DERIVED_MEMORY: usize = 64 * 1024;

    /// 128 levels, 65,536 elements that take no bytes, and for each byte of the longest message
    /// that the link carries 8 bytes of memory.
    pub const fn new() -> Self {
        Self {
            depth: Self::DEFAULT_DEPTH,
            memory: None,
            empty_elements: Self::DEFAULT_EMPTY_ELEMENTS,
        }
    }

    /// Sets how many levels deep a message may nest. Each level takes stack of the thread that
    /// decodes, by the size of the type that nests.
    pub const fn depth(mut self, levels: u32) -> Self {
        self.depth = levels;
        self
    }

    /// Sets how many bytes of memory the elements of a message may take.
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Sets how many elements of a message may take no bytes.
    pub const fn empty_elements(mut self, elements: usize) -> Self {
        self.empty_elements = elements;
        self
    }

    /// The limits of a link whose messages have at most `max_len` bytes: without a limit on
    /// memory, it becomes 8 times `max_len`, and 64 KiB at least. For transports.
    pub const fn for_link(mut self, max_len: usize) -> Self {
        if self.memory.is_none() {
            self.memory = Some(derived(max_len));
        }
        self
    }

    /// How many levels deep a message may nest.
    pub const fn max_depth(&self) -> u32 {
        self.depth
    }

    /// How many elements of a message may take no bytes.
    pub const fn max_empty_elements(&self) -> usize {
        self.empty_elements
    }

    /// How many bytes of memory the elements of a message of `len` bytes may take.
    #[inline]
    pub const fn max_memory(&self, len: usize) -> usize {
        match self.memory {
            Some(bytes) => bytes,
            None => derived(len),
        }
    }
}

#[inline]
const fn derived(len: usize) -> usize {
    let bytes = len.saturating_mul(DecodeLimits::MEMORY_PER_BYTE);
    if bytes < DecodeLimits::MIN_DERIVED_MEMORY { DecodeLimits::MIN_DERIVED_MEMORY } else { bytes }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::new()
    }
}
