//! The crate's own log records, sent to whichever loggers are enabled.
//!
//! Arguments are plain numbers, which both `log` and `defmt` format alike.

macro_rules! warning {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::warn!($format $(, $argument)*);
        #[cfg(feature = "defmt")]
        defmt::warn!($format $(, $argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ($(&$argument,)*);
    }};
}

macro_rules! debug {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::debug!($format $(, $argument)*);
        #[cfg(feature = "defmt")]
        defmt::debug!($format $(, $argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ($(&$argument,)*);
    }};
}

pub(crate) use {debug, warning};
