//! A worker's ends of its pipe: orders come in, reports go out.

use std::collections::VecDeque;

use homing_core::{Commands, Outlet, Receiver, RecvError, SendErrorKind, Sender};

use crate::context::Cancelled;
use crate::wire::{Order, OrderKind, Outcome, Report, ReportKind};

/// How many values of one job the foreground may have that it has not handled.
const WINDOW: u32 = 16;

/// The foreground is asked for credit with every so many values.
const CREDIT_BATCH: u32 = 4;

/// The worker's pipe is of no use any more: the foreground is gone, or has closed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// The ends, as a job sees them that runs: whatever the transport.
pub(crate) trait Port<V> {
    /// Whether progress can be sent that is not to wait for credit.
    fn is_clear(&mut self) -> bool;

    /// Sends progress that the foreground is to credit at once.
    fn send_clear(&mut self, value: V) -> Result<(), SendErrorKind>;

    /// Sends progress that needs no credit: the last of its job.
    fn send_last(&mut self, value: V) -> Result<(), SendErrorKind>;

    /// Waits for credit.
    fn wait_for_credit(&mut self) -> Result<(), Cancelled>;

    /// Sends progress within the window.
    fn send_credited(&mut self, value: V) -> Result<(), SendErrorKind>;

    /// Takes what has come, and says whether the job that runs was cancelled.
    fn is_cancelled(&mut self) -> bool;
}

/// A worker's ends of its pipe, and what it was ordered.
pub(crate) struct Station<P, V, I: Commands<Order<P>>, O: Outlet<Report<V>>> {
    orders: Receiver<Order<P>, I>,
    sender: Sender<Report<V>, O>,
    /// Jobs that are to run next.
    waiting: VecDeque<(u64, P)>,
    running: Option<u64>,
    is_cancelled: bool,
    is_retiring: bool,
    /// Values of the running job that were not credited.
    outstanding: u32,
    /// Of these, those that no credit was asked for.
    unasked: u32,
}

impl<P, V, I: Commands<Order<P>>, O: Outlet<Report<V>>> Station<P, V, I, O> {
    pub(crate) fn new(orders: Receiver<Order<P>, I>, sender: Sender<Report<V>, O>) -> Self {
        Self {
            orders,
            sender,
            waiting: VecDeque::new(),
            running: None,
            is_cancelled: false,
            is_retiring: false,
            outstanding: 0,
            unasked: 0,
        }
    }

    pub(crate) fn sender(&mut self) -> &mut Sender<Report<V>, O> {
        &mut self.sender
    }

    /// Says that the worker waits for jobs.
    pub(crate) fn ready(&mut self) -> Result<(), Gone> {
        self.send(ReportKind::Ready).map_err(|_| Gone)
    }

    /// The next job, said to have started. `None` when the worker is to end.
    pub(crate) fn next_job(&mut self) -> Result<Option<(u64, P)>, Gone> {
        loop {
            // A job that was cancelled or recalled in the meantime does not begin.
            self.take_orders();
            // Once the pipe is cancelled the pool is about to end, and its jobs with it.
            if self.orders.is_cancelled() || self.orders.is_closed() {
                return Ok(None);
            }
            if let Some((task, job)) = self.waiting.pop_front() {
                (self.running, self.is_cancelled) = (Some(task), false);
                (self.outstanding, self.unasked) = (0, 0);
                self.send(ReportKind::Started { task }).map_err(|_| Gone)?;
                return Ok(Some((task, job)));
            }
            if self.is_retiring {
                return Ok(None);
            }
            match self.orders.recv() {
                Ok(order) => self.file(order),
                Err(RecvError::Cancelled) => return Ok(None),
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Says how a job has ended.
    pub(crate) fn ended(&mut self, task: u64, outcome: Outcome<V>) -> Result<(), Gone> {
        if self.running == Some(task) {
            self.running = None;
        }
        let Err(kind) = self.send(ReportKind::Ended { task, outcome }) else { return Ok(()) };
        if matches!(kind, SendErrorKind::TooLarge { .. } | SendErrorKind::Unencodable { .. }) {
            let outcome = Outcome::Undecodable(format!("its output cannot be sent: {kind}"));
            return self.send(ReportKind::Ended { task, outcome }).map_err(|_| Gone);
        }
        Err(Gone)
    }

    /// Sends a report. A cancelled pipe carries reports as any other.
    fn send(&mut self, report: ReportKind<V>) -> Result<(), SendErrorKind> {
        let mut report = Report(report);
        loop {
            match self.sender.send(report) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_cancelled() => report = error.into_message(),
                Err(error) => return Err(error.kind()),
            }
        }
    }

    fn send_progress(&mut self, credit: u32, value: V) -> Result<(), SendErrorKind> {
        let Some(task) = self.running else { return Ok(()) };
        self.send(ReportKind::Progress { task, credit, value })
    }

    fn file(&mut self, Order(order): Order<P>) {
        match order {
            OrderKind::Run { task, job } => self.waiting.push_back((task, job)),
            OrderKind::Cancel { task } if self.running == Some(task) => self.is_cancelled = true,
            OrderKind::Cancel { task } => {
                self.remove(task, ReportKind::Ended { task, outcome: Outcome::Cancelled });
            }
            OrderKind::Recall { task } => self.remove(task, ReportKind::Returned { task }),
            OrderKind::Credit { task, values } if self.running == Some(task) => {
                self.outstanding = self.outstanding.saturating_sub(values);
            }
            OrderKind::Credit { .. } => {}
            OrderKind::Retire => self.is_retiring = true,
        }
    }

    /// Removes a job that waits. One that does not has started, or has ended.
    fn remove(&mut self, task: u64, report: ReportKind<V>) {
        let len = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != task);
        if self.waiting.len() < len {
            // At once: another worker may be waiting for it. A pipe that is closed is seen later.
            let _ = self.send(report);
        }
    }

    /// Takes the orders that have come.
    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.file(order),
                Err(RecvError::Empty) => return,
                // The foreground does not want the job any more, or does not exist any more.
                Err(_) => {
                    self.is_cancelled = true;
                    return;
                }
            }
        }
    }
}

impl<P, V, I: Commands<Order<P>>, O: Outlet<Report<V>>> Port<V> for Station<P, V, I, O> {
    fn is_clear(&mut self) -> bool {
        self.take_orders();
        self.outstanding == self.unasked
    }

    fn send_clear(&mut self, value: V) -> Result<(), SendErrorKind> {
        let credit = self.unasked + 1;
        (self.outstanding, self.unasked) = (self.outstanding + 1, 0);
        self.send_progress(credit, value)
    }

    fn send_last(&mut self, value: V) -> Result<(), SendErrorKind> {
        self.send_progress(0, value)
    }

    fn wait_for_credit(&mut self) -> Result<(), Cancelled> {
        self.take_orders();
        loop {
            if self.is_cancelled {
                return Err(Cancelled);
            }
            if self.outstanding < WINDOW {
                return Ok(());
            }
            match self.orders.recv() {
                Ok(order) => self.file(order),
                Err(_) => self.is_cancelled = true,
            }
        }
    }

    fn send_credited(&mut self, value: V) -> Result<(), SendErrorKind> {
        self.outstanding += 1;
        self.unasked += 1;
        let credit =
            if self.unasked >= CREDIT_BATCH { std::mem::take(&mut self.unasked) } else { 0 };
        self.send_progress(credit, value)
    }

    fn is_cancelled(&mut self) -> bool {
        if !self.is_cancelled {
            self.take_orders();
        }
        self.is_cancelled
    }
}
