//! A pinger for any loop that a function can wake.

use std::fmt;
use std::sync::Arc;

use homing_core::Pinger;
use homing_router::Home;

/// A pinger that calls `wake`, for event loops that have no module here.
///
/// `wake` is called from any thread. It must make the loop's thread call
/// [`Router::dispatch`](homing_router::Router::dispatch) soon; it must not call it itself,
/// nor wait, nor panic, and must do nothing when the loop is gone. When `dispatch` returns
/// [`Again`](homing_router::Dispatched::Again) the loop must come again.
///
/// ```
/// use std::sync::mpsc;
///
/// use homing_core::Event;
/// use homing_pingee_adapters::from_fn;
/// use homing_router::{Dispatched, Router};
/// use homing_transport_channel::Channel;
///
/// // An event loop whose events come over a channel.
/// enum Happening { Messages }
/// let (post, events) = mpsc::channel();
///
/// let again = post.clone();
/// let router: Router<Vec<u32>> = Router::new(from_fn(move || {
///     let _ = post.send(Happening::Messages); // a loop that is gone needs no wake-up
/// }));
/// router.start()?;
///
/// let link = router.link(Channel::new())?;
/// let (mut sender, _) =
///     link.pipe(|app: &mut Vec<u32>, event: Event<u32>| app.extend(event.message()))?;
/// std::thread::spawn(move || {
///     sender.start().unwrap();
///     sender.send(7).unwrap();
/// });
///
/// let mut app = Vec::new();
/// while app.is_empty() {
///     match events.recv()? {
///         Happening::Messages => {
///             if router.dispatch(&mut app) == Dispatched::Again {
///                 again.send(Happening::Messages)?;
///             }
///         }
///     }
/// }
/// assert_eq!(app, [7]);
/// # router.stop(&mut app)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_fn(wake: impl Fn() + Send + Sync + 'static) -> FnPinger {
    FnPinger(Arc::new(wake))
}

/// What [`from_fn`] makes.
#[derive(Clone)]
pub struct FnPinger(Arc<dyn Fn() + Send + Sync>);

impl Pinger for FnPinger {
    fn ping(&self) {
        (self.0)();
    }
}

impl From<FnPinger> for Home {
    fn from(pinger: FnPinger) -> Self {
        Home::pinged(pinger)
    }
}

impl fmt::Debug for FnPinger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnPinger")
    }
}
