//! How much one dispatch may do.

use std::time::{Duration, Instant};

/// How much one [`dispatch`](crate::Router::dispatch) may do before the event loop has its
/// turn again.
///
/// The default is 1024 messages or 4 milliseconds, whichever is first. A handler that takes
/// long is never interrupted: the time is looked at between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most messages. At least one is handled.
    pub messages: u32,
    /// The most time, or `None` for no limit.
    pub time: Option<Duration>,
}

impl Budget {
    /// No limit but that of what waits.
    pub const UNLIMITED: Self = Self { messages: u32::MAX, time: None };
}

impl Default for Budget {
    fn default() -> Self {
        Self { messages: 1024, time: Some(Duration::from_millis(4)) }
    }
}

/// Looks at the clock less often the faster messages are handled.
const MOST_BETWEEN_LOOKS: u32 = 64;

/// Handlers that are done with all messages between two looks within this time are looked
/// at less often.
const FAST: Duration = Duration::from_micros(50);

/// What is left of a budget.
pub(crate) struct Meter {
    messages: u32,
    end: Option<Instant>,
    looked: Option<Instant>,
    /// Messages between two looks, and those left until the next.
    stride: u32,
    until_look: u32,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        let now = budget.time.map(|_| Instant::now());
        Self {
            messages: budget.messages.max(1),
            end: now.zip(budget.time).and_then(|(now, time)| now.checked_add(time)),
            looked: now,
            stride: 1,
            until_look: 1,
        }
    }

    /// Counts one message, and says whether the budget is spent.
    #[inline]
    pub(crate) fn spend(&mut self) -> bool {
        self.messages -= 1;
        self.until_look -= 1;
        self.messages == 0 || (self.until_look == 0 && self.look())
    }

    /// When the budget is spent, whatever the messages; `None` without a limit.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    #[cold]
    fn look(&mut self) -> bool {
        let Some(end) = self.end else {
            self.until_look = u32::MAX;
            return false;
        };
        let now = Instant::now();
        let since = self.looked.map_or(Duration::ZERO, |looked| now - looked);
        self.stride = if since < FAST { (self.stride * 2).min(MOST_BETWEEN_LOOKS) } else { 1 };
        self.until_look = self.stride;
        self.looked = Some(now);
        now >= end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted() {
        let mut meter = Meter::new(Budget { messages: 3, time: None });
        assert_eq!([meter.spend(), meter.spend(), meter.spend()], [false, false, true]);
    }

    #[test]
    fn slow_handlers_are_looked_at_after_every_message() {
        let mut meter = Meter::new(Budget { messages: 1000, time: Some(Duration::from_millis(5)) });
        let mut handled = 0;
        loop {
            std::thread::sleep(Duration::from_millis(2));
            handled += 1;
            if meter.spend() {
                break;
            }
        }
        assert!(handled <= 3, "{handled}");
    }

    #[test]
    fn a_budget_of_nothing_still_handles_one_message() {
        assert!(Meter::new(Budget { messages: 0, time: None }).spend());
    }
}
