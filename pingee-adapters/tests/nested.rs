//! Handlers that run a nested loop: all pipes but their own are served meanwhile.

#![cfg(all(feature = "calloop", feature = "task", unix, not(homing_fallback)))]
#![allow(clippy::unwrap_used, reason = "tests")]

use homing_core::Event;
use homing_pingee_adapters::calloop::CalloopBinding;
use homing_pingee_adapters::task::TaskDriver;
use homing_router::{Link, Router};
use homing_transport_channel::{Channel, ChannelFactory, Sender};

/// How many messages of the other pipe come while the dialog is open.
const OTHERS: u32 = 2000;

struct App {
    dialogs: u32,
    others: u32,
    in_dialog: bool,
    /// Runs a loop until its argument says that it is over.
    dialog: Option<Box<dyn FnOnce(&mut App)>>,
}

impl App {
    fn new(dialog: impl FnOnce(&mut App) + 'static) -> Self {
        Self { dialogs: 0, others: 0, in_dialog: false, dialog: Some(Box::new(dialog)) }
    }

    fn is_over(&self) -> bool {
        self.dialogs == 2 && self.others == OTHERS
    }
}

/// The pipe whose first message opens a dialog, which is over when the other pipe has brought
/// all its messages; the second comes while it is open.
fn pipes(link: &Link<App, ChannelFactory>) -> [Sender<u32>; 2] {
    let (dialog, _) = link
        .pipe(|app: &mut App, event: Event<u32>| {
            assert!(!app.in_dialog);
            app.dialogs += u32::from(event.message().is_some());
            if let Some(dialog) = app.dialog.take() {
                app.in_dialog = true;
                dialog(app);
                app.in_dialog = false;
            }
        })
        .unwrap();
    let (others, _) = link
        .pipe(|app: &mut App, event: Event<u32>| {
            if event.message().is_some() {
                assert!(app.in_dialog);
                app.others += 1;
            }
        })
        .unwrap();
    [dialog, others]
}

fn send([mut dialog, mut others]: [Sender<u32>; 2]) {
    dialog.start().unwrap();
    dialog.send(1).unwrap();
    dialog.send(2).unwrap();
    std::thread::spawn(move || {
        others.start().unwrap();
        others.send_all(0..OTHERS).unwrap();
        others.stop().unwrap();
    });
    // It stays open until the test is over.
    std::mem::forget(dialog);
}

#[test]
fn a_dialog_with_a_calloop_of_its_own() {
    let mut event_loop = calloop::EventLoop::<App>::try_new().unwrap();
    let binding = CalloopBinding::new().unwrap();
    let router = Router::new(&binding);
    router.start().unwrap();
    let source = binding.into_source(&router);
    let nested = source.again().unwrap();
    let _token =
        event_loop.handle().insert_source(source, |(), router, app| router.dispatch(app)).unwrap();
    send(pipes(&router.link(Channel::new()).unwrap()));
    let weak = router.downgrade();
    let mut app = App::new(move |app| {
        weak.upgrade().unwrap().wake();
        let mut dialog = calloop::EventLoop::<App>::try_new().unwrap();
        let handle = dialog.handle();
        handle.insert_source(nested, |(), router, app| router.dispatch(app)).unwrap();
        while app.others < OTHERS {
            dialog.dispatch(None, app).unwrap();
        }
    });
    while !app.is_over() {
        event_loop.dispatch(None, &mut app).unwrap();
    }
    router.stop(&mut app).unwrap();
}

#[test]
fn a_dialog_that_blocks_on_futures() {
    let driver = std::rc::Rc::new(TaskDriver::new());
    let router: Router<App> = Router::new(&*driver);
    router.start().unwrap();
    send(pipes(&router.link(Channel::new()).unwrap()));
    let (nested, weak) = (std::rc::Rc::clone(&driver), router.downgrade());
    let mut app = App::new(move |app| {
        let router = weak.upgrade().unwrap();
        while app.others < OTHERS {
            smol::future::block_on(nested.due(&router));
            let _ = router.dispatch(app);
        }
    });
    let never = std::future::pending();
    smol::block_on(driver.route_until(&router, &mut app, |app| app.is_over(), never)).unwrap();
    let timed_out = smol::block_on(driver.drain(&router, &mut app, std::future::ready(())));
    assert!(matches!(timed_out, Err(homing_router::RouteError::TimedOut)), "{timed_out:?}");
    router.stop(&mut app).unwrap();
}
