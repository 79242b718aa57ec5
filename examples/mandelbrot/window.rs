//! The window.

use std::num::NonZeroU32;
use std::rc::Rc;

use softbuffer::{Context, Surface};
use winit::dpi::{LogicalSize, PhysicalSize};
use winit::event_loop::ActiveEventLoop;
use winit::window::Window;

use crate::canvas::Canvas;

/// The size of the window, in pixels of a screen that is not dense.
const SIZE: LogicalSize<f64> = LogicalSize::new(960.0, 640.0);

/// The bar at the lower edge, likewise.
const BAR: f64 = 3.0;
const BAR_DONE: u32 = 0xFF_B4_28;
const BAR_LEFT: u32 = 0x1C_20_2C;

/// A window, and the surface in it that is drawn on.
pub struct Shown {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
    title: String,
}

impl Shown {
    pub fn open(event_loop: &ActiveEventLoop, size: Option<(u32, u32)>) -> anyhow::Result<Self> {
        let attributes = Window::default_attributes().with_title("Mandelbrot");
        let attributes = match size {
            Some((width, height)) => attributes.with_inner_size(PhysicalSize::new(width, height)),
            None => attributes.with_inner_size(SIZE),
        };
        let window = Rc::new(event_loop.create_window(attributes)?);
        let context = Context::new(Rc::clone(&window)).map_err(failed)?;
        let surface = Surface::new(&context, Rc::clone(&window)).map_err(failed)?;
        Ok(Self { window, surface, title: String::new() })
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Width and height in pixels. `None` while there is nothing to be seen.
    pub fn size(&self) -> Option<(u32, u32)> {
        let size = self.window.inner_size();
        (size.width > 0 && size.height > 0).then_some((size.width, size.height))
    }

    /// Shows the picture and, until it is finished, a bar.
    pub fn draw(&mut self, canvas: &Canvas) -> anyhow::Result<()> {
        let view = canvas.view();
        let sides = NonZeroU32::new(view.width).zip(NonZeroU32::new(view.height));
        let Some((width, height)) = sides else { return Ok(()) };
        self.surface.resize(width, height).map_err(failed)?;
        let mut buffer = self.surface.buffer_mut().map_err(failed)?;
        buffer.copy_from_slice(canvas.pixels());
        if !canvas.is_finished() {
            let done = (canvas.progress() * f64::from(view.width)) as usize;
            let lines = (BAR * self.window.scale_factor()).round() as usize;
            for line in buffer.chunks_mut(view.width as usize).rev().take(lines) {
                let (left, right) = line.split_at_mut(done);
                left.fill(BAR_DONE);
                right.fill(BAR_LEFT);
            }
        }
        self.window.pre_present_notify();
        buffer.present().map_err(failed)
    }

    pub fn set_title(&mut self, title: String) {
        if self.title != title {
            self.window.set_title(&title);
            self.title = title;
        }
    }
}

/// Its errors are not for other threads, and `anyhow`'s are.
fn failed(error: softbuffer::SoftBufferError) -> anyhow::Error {
    anyhow::anyhow!("the window cannot be drawn on: {error}")
}
