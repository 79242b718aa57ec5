//! What is really on the screen.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use winit::raw_window_handle::{HasWindowHandle as _, RawWindowHandle};
use winit::window::Window;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, ImageOrder};
use x11rb::rust_connection::RustConnection;

use crate::canvas::Canvas;
use crate::picture;

/// How long a picture may take to the screen.
const MOST: Duration = Duration::from_secs(10);

/// Compares what a window shows with a picture, pixel by pixel. The window is not to be
/// covered by others.
pub fn compare(window: &Window, right: &Canvas) -> anyhow::Result<()> {
    let RawWindowHandle::Xlib(handle) = window.window_handle()?.as_raw() else {
        anyhow::bail!("only on X11 can it be compared with what is on the screen");
    };
    let id = u32::try_from(handle.window)?;
    let (connection, _) = x11rb::connect(None)?;
    let end = Instant::now() + MOST;
    loop {
        let shown = read(&connection, id, right)?;
        match picture::compare("on the screen", &shown, right) {
            Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(20)),
            compared => return compared,
        }
    }
}

fn read(connection: &RustConnection, window: u32, right: &Canvas) -> anyhow::Result<Vec<u32>> {
    let (width, height) = (right.view().width.try_into()?, right.view().height.try_into()?);
    let image =
        connection.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, width, height, !0)?.reply()?;
    let setup = connection.setup();
    let format = setup.pixmap_formats.iter().find(|format| format.depth == image.depth);
    let bits = format.context("a screen without a format")?.bits_per_pixel;
    ensure!(bits == 32, "a screen of {bits} bits a pixel");
    let order = match setup.image_byte_order {
        ImageOrder::LSB_FIRST => u32::from_le_bytes,
        _ => u32::from_be_bytes,
    };
    let pixels = image.data.chunks_exact(4);
    Ok(pixels.filter_map(|pixel| pixel.try_into().ok()).map(order).map(|p| p & 0xFF_FFFF).collect())
}
