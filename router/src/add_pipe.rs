//! Adding pipes to a router's links.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use homing_core::{Authorization, Duplex, Event, LinkId, MakeSender, Nonce, PipeErrorKind, Ticket};

use crate::duplex::{self, WayBacks};
use crate::handler::Handler;
use crate::mailbox::{Capacity, ClosePipe, Mailbox, MailboxWriter};
use crate::pipe::PipeId;
use crate::pipe_options::PipeOptions;
use crate::questions::Questions;
use crate::receiver::{Claim, Entry};
use crate::remote::Remote;
use crate::router::Router;

/// The ends of a duplex pipe: those of the worker, and the foreground's.
type DuplexParts<C, D, K, E> = (E, Remote<C, D, K>);

impl<C: 'static> Router<C> {
    /// Adds a pipe that ends in a handler. Without a link, any may claim it.
    pub(crate) fn add_handler<M, R, F>(
        &self,
        link: Option<LinkId>,
        options: PipeOptions<M>,
        handler: F,
    ) -> Result<(Ticket<M>, PipeId), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        let (overflow, _) = options.parts();
        self.add_pipe::<M, (), R>(link, options, |claim| {
            Entry::new(Handler::<R::Codec, M, F>::new(claim, overflow, handler))
        })
    }

    /// Adds a pipe that ends in a mailbox.
    pub(crate) fn add_mailbox<M, R>(
        &self,
        link: LinkId,
        options: PipeOptions<M>,
        capacity: Capacity,
    ) -> Result<(Ticket<M>, Mailbox<M>), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
    {
        let router = Rc::downgrade(&(Rc::clone(&self.inner) as Rc<dyn ClosePipe>));
        let (overflow, _) = options.parts();
        Mailbox::add(overflow, capacity, router, |writer: MailboxWriter<R::Codec, M>| {
            let receiver = |claim| Entry::new(writer.claimed_by(claim));
            self.add_pipe::<M, (), R>(Some(link), options, receiver)
        })
    }

    /// Adds a duplex pipe. `make` makes its worker's ends, and the foreground's end of its way
    /// back, within a capacity in bytes. Without a link, any that has a way back may claim it.
    pub(crate) fn add_duplex<D, U, R, F, E>(
        &self,
        link: Option<LinkId>,
        options: PipeOptions<U>,
        handler: F,
        make: impl FnOnce(Ticket<U, D>, usize) -> Option<Duplex<E, D>>,
    ) -> Result<DuplexParts<C, D, R::Codec, E>, PipeErrorKind>
    where
        R: MakeSender<U> + 'static,
        R::Codec: 'static,
        D: 'static,
        U: 'static,
        F: FnMut(&mut C, Event<U>) + 'static,
    {
        let (overflow, _) = options.parts();
        let questions = Rc::new(Questions::new(&self.inner.alarms));
        let mut receiver = None;
        let (ticket, pipe) = self.add_pipe::<U, D, R>(link, options, |claim| {
            let questions = Rc::clone(&questions);
            let router = Rc::downgrade(&self.inner) as Weak<dyn WayBacks>;
            let duplex =
                duplex::new::<C, D, R::Codec, U>(claim, overflow, questions, router, handler);
            Entry::shared(Rc::clone(receiver.insert(Rc::new(duplex))))
        })?;
        match make(ticket, options.commands()).zip(receiver) {
            Some((Duplex { ends, remote, .. }, receiver)) => {
                receiver.set_remote(Arc::clone(&remote));
                if let Some(link) = link {
                    self.inner.use_way_back(link);
                }
                Ok((ends, Remote::new(remote, questions, pipe)))
            }
            None => {
                // Nothing was borrowed or told: the receiver is dropped with its handler.
                let added = self.inner.core.borrow_mut().close_pipe(pipe.connection());
                drop(added);
                Err(PipeErrorKind::NoWayBack)
            }
        }
    }

    /// Adds a pipe to a link, or to none: its receiver is made with what a worker has to claim it
    /// with.
    fn add_pipe<M, D, R: MakeSender<M>>(
        &self,
        link: Option<LinkId>,
        options: PipeOptions<M>,
        receiver: impl FnOnce(Claim) -> Entry<C>,
    ) -> Result<(Ticket<M, D>, PipeId), PipeErrorKind> {
        let nonce = match R::AUTHORIZATION {
            // It is never asked for.
            Authorization::Trusted => Nonce::new(0),
            Authorization::Nonce => random_nonce()?,
        };
        let (overflow, message_type) = options.parts();
        let receiver = receiver(Claim { nonce, message_type });
        let mut core = self.inner.core.borrow_mut();
        let connection = match (R::AUTHORIZATION, link) {
            (Authorization::Trusted, Some(link)) => core.trusted_pipe(link, receiver),
            (Authorization::Trusted | Authorization::Nonce, link) => core.pipe(link, receiver),
        };
        // A receiver that comes back may own anything of the application's.
        drop(core);
        let connection = connection.map_err(|error| error.kind())?;
        let ticket =
            Ticket::new(connection, nonce).with_overflow(overflow).with_message_type(message_type);
        Ok((ticket, PipeId::new(connection, self.inner.id)))
    }
}

/// A nonce that cannot be guessed: it is all that a worker needs to claim a pipe.
fn random_nonce() -> Result<Nonce, PipeErrorKind> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(Nonce::from_bytes(bytes)),
        Err(error) => {
            log::error!("a pipe was not made: the system gave no random bytes: {error}");
            Err(PipeErrorKind::NoRandomBytes)
        }
    }
}
