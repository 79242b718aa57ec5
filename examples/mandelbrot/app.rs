//! The application: what is on the main thread.

use anyhow::Context as _;
use homing::jobs::LostJob;
use homing::winit::{self as homing_winit, WinitRouter};
use winit::event_loop::EventLoop;

use crate::args::Args;
use crate::canvas::Canvas;
use crate::picture;
use crate::pool::Pool;
use crate::view::View;
use crate::window::Shown;
use crate::work::Draw;

/// What wakes the event loop.
pub enum Wake {
    Homing,
}

/// Unattended: from one picture to the next it goes nearer so often, each time after so
/// many tiles.
const HURRIES: u32 = 3;
const HURRY_AFTER: u32 = 8;

/// All of it belongs to the main thread.
pub struct App {
    pub homing: WinitRouter<App>,
    pub args: Args,
    pub shown: Option<Shown>,
    pub canvas: Option<Canvas>,
    /// What is to be looked at from the next redraw on.
    pub wanted: Option<View>,
    pub pointer: (f64, f64),
    pub dragging: bool,
    pool: Option<Pool>,
    /// How many pictures were finished.
    frames: u32,
    /// Unattended: how often to go nearer yet before the next picture is drawn to its
    /// end.
    hurry: u32,
    tiles: u32,
    killed: usize,
    notice: Option<String>,
    /// The loop is to end: well, or not.
    pub end: Option<anyhow::Result<()>>,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let event_loop = EventLoop::with_user_event().build()?;
    let homing = homing_winit::join(event_loop.create_proxy(), || Wake::Homing);
    let router = homing.router().clone();
    router.start()?;
    let mut app = App {
        homing,
        args,
        shown: None,
        canvas: None,
        wanted: None,
        pointer: (0.0, 0.0),
        dragging: false,
        pool: None,
        frames: 0,
        hurry: 0,
        tiles: 0,
        killed: 0,
        notice: None,
        end: None,
    };
    event_loop.run_app(&mut app)?;
    // It ends the workers, whatever they do.
    router.stop(&mut app)?;
    app.end.unwrap_or(Ok(()))
}

impl App {
    /// Starts the workers, and looks at the whole set.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        let (width, height) =
            self.shown.as_ref().and_then(Shown::size).context("the window has no size")?;
        let (router, workers) = (self.homing.router(), self.args.workers());
        self.pool = Some(Pool::start(router, self.args.transport, workers)?);
        self.pointer = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        self.want(View::home(width, height));
        Ok(())
    }

    /// What is looked at, or will be.
    pub fn view(&self) -> Option<View> {
        self.wanted.or(self.canvas.as_ref().map(|canvas| *canvas.view()))
    }

    /// Turns to another view with the next redraw: so however fast the user moves, it is once
    /// for each picture that can be seen.
    pub fn want(&mut self, view: View) {
        if self.view() != Some(view) {
            self.wanted = Some(view);
            self.redraw();
        }
    }

    pub fn redraw(&self) {
        if let Some(shown) = &self.shown {
            shown.window().request_redraw();
        }
    }

    /// Draws what is known, and looks at what comes next.
    pub fn draw(&mut self) -> anyhow::Result<()> {
        if let Some(view) = self.wanted.take() {
            self.turn_to(view)?;
        }
        let (Some(shown), Some(canvas), Some(pool)) = (&mut self.shown, &self.canvas, &self.pool)
        else {
            return Ok(());
        };
        shown.draw(canvas)?;
        let mut title = format!("Mandelbrot · {} workers", pool.size());
        let zoom = canvas.view().zoom();
        if zoom >= 1.05 {
            title +=
                &if zoom < 1e5 { format!(" · {zoom:.1}×") } else { format!(" · {zoom:.1e}×") };
        }
        if !canvas.is_finished() {
            title += &format!(" · {:.0} %", (canvas.progress() * 100.0).floor());
        }
        if let Some(notice) = &self.notice {
            title += &format!(" · {notice}");
        }
        shown.set_title(title);
        if canvas.is_finished() { self.finish_frame() } else { Ok(()) }
    }

    /// Abandons what is on its way, and has the workers draw another view.
    fn turn_to(&mut self, view: View) -> anyhow::Result<()> {
        let Some(pool) = &mut self.pool else { return Ok(()) };
        let canvas = match &self.canvas {
            Some(canvas) => canvas.turned_to(view),
            None => Canvas::new(view),
        };
        pool.turn_to(canvas.tiles(self.pointer))?;
        self.canvas = Some(canvas);
        Ok(())
    }

    /// A worker has died, and its tile is drawn by another one.
    pub fn hear_of_death(&mut self, lost: &LostJob) {
        eprintln!("mandelbrot: {lost}; another takes its place");
        self.notice = Some(format!("a worker was replaced: {lost}"));
        self.redraw();
    }

    /// A tile has come.
    pub fn hear_tile(&mut self, tile: Draw, colours: &[u8]) {
        // It may be of a view that is not looked at any more.
        let Some(canvas) = self.canvas.as_mut().filter(|canvas| *canvas.view() == tile.view) else {
            return;
        };
        canvas.put(tile.index, tile.pass, colours);
        self.redraw();
        self.tiles += 1;
        if self.hurry > 0 && self.tiles.is_multiple_of(HURRY_AFTER) && self.wanted.is_none() {
            self.hurry_on();
        }
        if self.args.kill_every.is_some_and(|every| self.tiles.is_multiple_of(every.get())) {
            self.kill_one();
        }
    }

    /// Kills a worker, as if it had crashed.
    pub fn kill_one(&mut self) {
        let Some(pool) = &self.pool else { return };
        let result = pool.kill_one(self.killed);
        self.killed += 1;
        self.attempt(result);
    }

    /// A picture is finished, and is on the screen.
    fn finish_frame(&mut self) -> anyhow::Result<()> {
        let (Some(all), Some(canvas)) = (self.args.frames(), &self.canvas) else { return Ok(()) };
        if self.end.is_some() || self.wanted.is_some() {
            return Ok(());
        }
        if self.hurry > 0 {
            self.hurry_on();
            return Ok(());
        }
        self.frames += 1;
        if self.args.check {
            self.check(canvas)?;
        }
        if self.frames < all {
            self.hurry = HURRIES;
            self.hurry_on();
            return Ok(());
        }
        if let Some(path) = &self.args.screenshot {
            picture::write(path, canvas)?;
        }
        self.end = Some(Ok(()));
        Ok(())
    }

    /// Goes nearer, as a user does who turns the wheel, and abandons what is on its way.
    fn hurry_on(&mut self) {
        self.hurry -= 1;
        if let Some(view) = self.view() {
            self.want(view.nearer());
        }
    }

    fn check(&self, canvas: &Canvas) -> anyhow::Result<()> {
        let right = picture::compute(canvas.view());
        picture::compare("of tiles", canvas.pixels(), &right)?;
        let View { width, height, .. } = canvas.view();
        println!("frame {}: {width}x{height} pixels are right", self.frames);
        #[cfg(target_os = "linux")]
        if let Some(shown) = &self.shown {
            crate::screen::compare(shown.window(), &right)?;
            println!("frame {}: on the screen as well", self.frames);
        }
        Ok(())
    }

    /// Ends the program if that has failed.
    pub fn attempt(&mut self, result: anyhow::Result<()>) {
        if result.is_err() && self.end.is_none() {
            self.end = Some(result);
        }
    }
}
