//! A pinger for any loop that a function can wake.

use std::fmt;
use std::sync::Arc;

use homing_core::Pinger;
use homing_router::LoopBinding;

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
///
/// # One line each
///
/// Below, `dispatch` is a function of yours that finds the router and its context on the
/// loop's thread (in a `thread_local!`, say, where the loop asks for a function that is
/// `Send`), dispatches, and wakes the loop once more after `Again`.
///
/// | loop | line | dispatch | watch out |
/// |---|---|---|---|
/// | slint | `from_fn(\|\| { let _ = slint::invoke_from_event_loop(dispatch); })` | in `dispatch` | before the platform is set, and after the loop's end, it is an error: set the platform before the router starts |
/// | eframe, egui | `from_fn(move \|\| ctx.request_repaint())` | in `App::logic` | `App::ui` is not called while the window is hidden |
/// | iced | `from_fn(move \|\| { let _ = output.clone().try_send(Message::LoopBinding); })` | in `update` | `output` is what `iced::stream::channel` gives to a subscription; a full one has a message on its way already. After `Again`, return `Task::done(Message::LoopBinding)` |
/// | bevy | `from_fn(move \|\| { let _ = proxy.send_event(WinitUserEvent::WakeUp); })` | in a system with `NonSendMut` of the router | `proxy` is a clone of what `EventLoopProxyWrapper` holds; a game that draws all the time needs no wake-up, and one with `WinitSettings::desktop_app` does |
/// | tauri | `from_fn(move \|\| { let app = app.clone(); tauri::async_runtime::spawn(async move { let _ = app.run_on_main_thread(dispatch); }); })` | in `dispatch` | on the main thread, `run_on_main_thread` calls at once, which a pinger must not: hence the detour |
/// | glib, GTK | [`task`](crate::task), by `MainContext::spawn_local_with_priority(Priority::DEFAULT_IDLE, …)` | in the task | at the default priority, a flood keeps GTK from drawing. Not `MainContext::invoke`: while no thread runs the context it calls on the worker's thread |
/// | Qt by cxx-qt | `from_fn(move \|\| { let _ = qt_thread.queue(\|object\| object.dispatch()); })` | in a method of the object | `qt_thread` is what the object's `qt_thread()` gives; when the object is gone it is an error |
/// | winit | `homing::winit`, `homing::winit_031` | in `user_event`, `proxy_wake_up` | |
/// | mio | `from_fn(move \|\| { let _ = waker.wake(); })` | after `poll` | one `mio::Waker` for each `Poll`, and it must live. On Unix, rather register the doorbells: [`DoorbellSet::with_fd`](homing_router::DoorbellSet) |
/// | polling | `from_fn(move \|\| { let _ = poller.notify(); })` | after `wait` | `events.clear()` before each `wait`. On Unix as with mio |
/// | calloop | `homing::calloop` | in the callback | |
/// | tokio, smol, any executor | [`task`](crate::task) | in the task | |
/// | embassy, bare metal | `homing_core::wake::{TaskPingee, PollPingee}`, without this crate | in the task, in the main loop | |
/// | your own | the crate `homing-conformance` proves it; see `docs/adapters.md` | | |
///
/// # Modal loops
///
/// A handler may open a modal dialog, a menu, or a drag, for which the toolkit runs a loop of
/// its own within the handler. The pinger wakes that loop like any other, and a `dispatch` from
/// within it serves all pipes but that of the handler, whose messages wait for its return. The
/// handler calls [`Router::wake`](homing_router::Router::wake) before it runs the modal loop,
/// and `dispatch` has to be reachable from within:
///
/// | loop | within a modal loop |
/// |---|---|
/// | slint, tauri, Qt | queued functions run: nothing to do, if `dispatch` borrows the application's state only while it uses it |
/// | winit | the loop cannot be run from within: a handler that waits for something else calls `WinitRouter::poll` meanwhile. On Windows, moving and resizing a window runs a loop: see `homing::winit`. Native dialogs (`rfd`) block the handler, and the router with it: use their asynchronous form |
/// | glib, GTK | `MainContext::iteration` and `Dialog::run` poll other sources, but no task that is being polled: dispatch from an idle source while the dialog is open |
/// | calloop, mio, polling | the loop cannot be run from within: a dialog's own loop watches the [`DoorbellSet`](homing_router::DoorbellSet) as well, and dispatches |
/// | tokio, smol | a handler that blocks on futures awaits `TaskDriver::due` among them, and dispatches |
/// | eframe, iced, bevy | have no modal loops; a native dialog that blocks is run on another thread, which sends its result by a pipe |
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

impl From<FnPinger> for LoopBinding {
    fn from(pinger: FnPinger) -> Self {
        LoopBinding::pinger(pinger)
    }
}

impl fmt::Debug for FnPinger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnPinger")
    }
}
