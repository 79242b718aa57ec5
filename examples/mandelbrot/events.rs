//! What the window tells the application.

use winit::application::ApplicationHandler;
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta, WindowEvent};
use winit::event_loop::ActiveEventLoop;
use winit::keyboard::{Key, NamedKey};
use winit::window::WindowId;

use crate::app::{App, Wake};
use crate::view::View;
use crate::window::Shown;

/// How much nearer one notch of the wheel goes.
const NOTCH: f64 = 1.25;

/// So many pixels of a touchpad are one notch.
const PIXELS: f64 = 50.0;

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.shown.is_none() {
            let begun = Shown::open(event_loop, self.args.size).and_then(|shown| {
                self.shown = Some(shown);
                self.begin()
            });
            self.attempt(begun);
        }
    }

    fn user_event(&mut self, _: &ActiveEventLoop, Wake::Homing: Wake) {
        self.homing.clone().poll(self);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        if self.end.is_some() {
            event_loop.exit();
        } else {
            self.homing.about_to_wait();
        }
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        // Without its loop it cannot be used, and there is more to hear.
        self.shown = None;
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::RedrawRequested => {
                // While the window is resized on Windows, no other event asks for a turn.
                if self.homing.clone().poll(self) {
                    self.redraw();
                }
                let drawn = self.draw();
                self.attempt(drawn);
            }
            WindowEvent::CloseRequested => self.end = Some(Ok(())),
            WindowEvent::Resized(size) if size.width > 0 && size.height > 0 => {
                if let Some(view) = self.view() {
                    self.want(view.resized(size.width, size.height));
                }
            }
            WindowEvent::CursorMoved { position, .. } => self.point((position.x, position.y)),
            WindowEvent::MouseInput { state, button: MouseButton::Left, .. } => {
                self.dragging = state == ElementState::Pressed;
            }
            WindowEvent::MouseWheel { delta, .. } => self.zoom(match delta {
                MouseScrollDelta::LineDelta(_, lines) => f64::from(lines),
                MouseScrollDelta::PixelDelta(pixels) => pixels.y / PIXELS,
            }),
            WindowEvent::KeyboardInput { event, .. } => self.press(&event),
            _ => {}
        }
    }
}

impl App {
    fn point(&mut self, position: (f64, f64)) {
        let (from_x, from_y) = std::mem::replace(&mut self.pointer, position);
        if let Some(view) = self.view().filter(|_| self.dragging) {
            self.want(view.moved(position.0 - from_x, position.1 - from_y));
        }
    }

    fn zoom(&mut self, notches: f64) {
        if let Some(view) = self.view() {
            self.want(view.zoomed(NOTCH.powf(notches), self.pointer));
        }
    }

    fn press(&mut self, event: &KeyEvent) {
        if event.state != ElementState::Pressed {
            return;
        }
        match event.logical_key.as_ref() {
            Key::Named(NamedKey::Escape) => self.end = Some(Ok(())),
            Key::Character("k" | "K") if !event.repeat => self.kill_one(),
            Key::Character("r" | "R") => {
                if let Some(View { width, height, .. }) = self.view() {
                    self.want(View::home(width, height));
                }
            }
            _ => {}
        }
    }
}
