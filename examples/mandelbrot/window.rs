//! The window.

use std::num::NonZeroU32;
use std::rc::Rc;

use anyhow::Context as _;
use homing::winit::{self as homing_winit, Joined};
use softbuffer::{Context, Surface};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta, WindowEvent};
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowId};

use crate::args::Args;
use crate::crew::{Crew, middle};
use crate::picture::Picture;

/// How much closer one notch of the wheel is.
const NOTCH: f64 = 1.25;

/// Where the pictures of `--frames` go, and how fast: the seahorses' valley.
const SCRIPT: (f64, f64) = (-0.743_643_887, 0.131_825_904);
const SCRIPT_ZOOM: f64 = 3.0;

/// The height of the bar that shows the progress, in pixels.
const BAR: usize = 3;
const BAR_COLOUR: u32 = 0x00ee_a82c;

/// What wakes the loop: the router has something.
#[derive(Debug)]
struct Woken;

/// Shows the window until it is closed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let event_loop = EventLoop::<Woken>::with_user_event().build()?;
    let homing = homing_winit::join(event_loop.create_proxy(), || Woken);
    let router = homing.router().clone();
    router.start()?;
    let crew = Crew::start(router.clone(), args.transport, args.workers(), args.size)?;
    let mut viewer = Viewer {
        homing,
        crew,
        screen: None,
        pointer: (0.0, 0.0),
        dragging: false,
        size: args.size,
        frames_left: args.frames.map(NonZeroU32::get),
        shown: None,
        outcome: Ok(()),
    };
    event_loop.run_app(&mut viewer)?;
    let Viewer { mut crew, shown, outcome, .. } = viewer;
    router.stop(&mut crew)?;
    outcome?;
    if args.frames.is_some() {
        let shown = shown.context("nothing was shown")?;
        if let Some(path) = &args.screenshot {
            shown.save(path)?;
        }
        if args.check {
            let wrong = shown.differences(&Picture::of(&crew.view()));
            anyhow::ensure!(wrong == 0, "{wrong} pixels are not as computed in this process");
            println!("the picture is right, all {} pixels of it", shown.pixels().len());
        }
    }
    Ok(())
}

struct Viewer {
    homing: Joined<Crew>,
    crew: Crew,
    screen: Option<Screen>,
    pointer: (f64, f64),
    dragging: bool,
    size: (u32, u32),
    /// The pictures still to be drawn, without a person.
    frames_left: Option<u32>,
    /// What the window showed last, without a person.
    shown: Option<Picture>,
    outcome: anyhow::Result<()>,
}

/// A window that can be drawn into.
struct Screen {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
    title: String,
}

impl ApplicationHandler<Woken> for Viewer {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.screen.is_none() {
            match Screen::open(event_loop, self.size) {
                Ok(screen) => self.screen = Some(screen),
                Err(error) => self.fail(event_loop, error),
            }
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Woken) {
        self.homing.poll(&mut self.crew);
        self.after_dispatch(event_loop);
    }

    fn about_to_wait(&mut self, _: &ActiveEventLoop) {
        self.homing.about_to_wait();
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let outcome = match event {
            WindowEvent::CloseRequested => {
                event_loop.exit();
                Ok(())
            }
            WindowEvent::RedrawRequested => {
                // While a window is being resized, some systems send nothing else.
                self.homing.poll(&mut self.crew);
                self.redraw(event_loop)
            }
            WindowEvent::Resized(PhysicalSize { width, height }) => self.resize((width, height)),
            WindowEvent::CursorMoved { position, .. } => self.point(position.into()),
            WindowEvent::MouseInput { state, button: MouseButton::Left, .. } => {
                self.dragging = state == ElementState::Pressed;
                Ok(())
            }
            WindowEvent::MouseWheel { delta, .. } => {
                let notches = match delta {
                    MouseScrollDelta::LineDelta(_, lines) => lines.into(),
                    MouseScrollDelta::PixelDelta(pixels) => pixels.y / 40.0,
                };
                let view = self.crew.view().zoomed(NOTCH.powf(notches), self.pointer);
                self.crew.show(view, self.pointer)
            }
            WindowEvent::KeyboardInput {
                event: KeyEvent { logical_key, state: ElementState::Pressed, .. },
                ..
            } => self.press(event_loop, &logical_key),
            _ => Ok(()),
        };
        match outcome {
            Ok(()) => self.after_dispatch(event_loop),
            Err(error) => self.fail(event_loop, error),
        }
    }
}

impl Viewer {
    fn fail(&mut self, event_loop: &ActiveEventLoop, error: anyhow::Error) {
        self.outcome = Err(error);
        event_loop.exit();
    }

    /// Whatever has changed is drawn with the next frame, once.
    fn after_dispatch(&mut self, event_loop: &ActiveEventLoop) {
        if let Some(failure) = self.crew.failure.take() {
            return self.fail(event_loop, failure);
        }
        if self.crew.changed
            && let Some(screen) = &self.screen
        {
            screen.window.request_redraw();
        }
    }

    fn redraw(&mut self, event_loop: &ActiveEventLoop) -> anyhow::Result<()> {
        self.crew.changed = false;
        let Some(screen) = &mut self.screen else { return Ok(()) };
        screen.show(&self.crew)?;
        if !self.crew.is_complete() {
            return Ok(());
        }
        match self.frames_left.as_mut() {
            None => Ok(()),
            Some(left @ 2..) => {
                *left -= 1;
                let mut view = self.crew.view();
                view.centre = SCRIPT;
                self.crew.show(view.zoomed(SCRIPT_ZOOM, middle(view.size)), middle(view.size))
            }
            Some(_) => {
                self.shown = Some(self.crew.picture().clone());
                event_loop.exit();
                Ok(())
            }
        }
    }

    fn resize(&mut self, size: (u32, u32)) -> anyhow::Result<()> {
        if size == self.crew.view().size || size.0 == 0 || size.1 == 0 {
            return Ok(());
        }
        self.crew.show(self.crew.view().resized(size), middle(size))
    }

    fn point(&mut self, pointer: (f64, f64)) -> anyhow::Result<()> {
        let by = (pointer.0 - self.pointer.0, pointer.1 - self.pointer.1);
        self.pointer = pointer;
        if self.dragging && by != (0.0, 0.0) {
            self.crew.show(self.crew.view().panned(by), pointer)?;
        }
        Ok(())
    }

    fn press(&mut self, event_loop: &ActiveEventLoop, key: &Key) -> anyhow::Result<()> {
        match key.as_ref() {
            Key::Named(NamedKey::Escape) => event_loop.exit(),
            Key::Character("k" | "K") => self.crew.kill_one()?,
            Key::Character("r" | "R") => {
                let size = self.crew.view().size;
                self.crew.show(crate::view::View::whole(size), middle(size))?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Screen {
    fn open(event_loop: &ActiveEventLoop, (width, height): (u32, u32)) -> anyhow::Result<Self> {
        let attributes = Window::default_attributes()
            .with_title("Mandelbrot")
            .with_inner_size(PhysicalSize::new(width, height));
        let window = Rc::new(event_loop.create_window(attributes)?);
        // Its errors cannot be sent to another thread, as `anyhow` would.
        let surface = Context::new(Rc::clone(&window))
            .and_then(|context| Surface::new(&context, Rc::clone(&window)))
            .map_err(|error| anyhow::anyhow!("no surface to draw on: {error}"))?;
        Ok(Self { window, surface, title: String::new() })
    }

    /// Shows the picture, with a bar at the bottom while it is not complete.
    fn show(&mut self, crew: &Crew) -> anyhow::Result<()> {
        let picture = crew.picture();
        let (width, height) = picture.size();
        let wrong = |error| anyhow::anyhow!("the window cannot be drawn: {error}");
        if let (Some(width), Some(height)) = (NonZeroU32::new(width), NonZeroU32::new(height)) {
            self.surface.resize(width, height).map_err(wrong)?;
        }
        let mut buffer = self.surface.buffer_mut().map_err(wrong)?;
        for (to, from) in buffer.iter_mut().zip(picture.pixels()) {
            *to = *from;
        }
        if !crew.is_complete() {
            let drawn = (crew.progress() * width as f32) as usize;
            for row in buffer.chunks_mut(width.max(1) as usize).rev().take(BAR) {
                row.iter_mut().take(drawn).for_each(|pixel| *pixel = BAR_COLOUR);
            }
        }
        self.window.pre_present_notify();
        buffer.present().map_err(wrong)?;
        self.set_title(crew);
        Ok(())
    }

    fn set_title(&mut self, crew: &Crew) {
        let percent = (crew.progress() * 100.0) as u32;
        let news = crew.news.as_ref().map(|news| format!(" · {news}")).unwrap_or_default();
        let title = format!("Mandelbrot · {percent} %{news}");
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
    }
}
