//! The bars on standard error, where that is a terminal.

use std::collections::HashMap;
use std::path::Path;

use homing::jobs::JobEvent;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::work::Digest;

pub struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    /// One for each file that a worker has.
    reading: HashMap<usize, ProgressBar>,
}

impl Bars {
    pub fn new(files: usize) -> Self {
        let all = MultiProgress::new();
        let whole = style("{bar:40} {pos}/{len} files, {eta} left");
        let whole = all.add(ProgressBar::new(files as u64).with_style(whole));
        Self { all, whole, reading: HashMap::new() }
    }

    /// Something has become of a file.
    pub fn show(&mut self, index: usize, path: &Path, event: &JobEvent<Digest>) {
        match event {
            JobEvent::Started => {
                let bar = ProgressBar::new(0).with_style(style("{bytes:>12} {wide_msg}"));
                let bar = self.all.insert_before(&self.whole, bar);
                bar.set_message(path.display().to_string());
                self.reading.insert(index, bar);
            }
            JobEvent::Progress(bytes) => {
                if let Some(bar) = self.reading.get(&index) {
                    bar.set_position(*bytes);
                }
            }
            JobEvent::Retrying(lost) => {
                self.remove(index);
                self.say(&format!("checksum: {}: {lost}", path.display()));
            }
            JobEvent::Ended(_) => {
                self.remove(index);
                self.whole.inc(1);
            }
            _ => {}
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(bar) = self.reading.remove(&index) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Says something above the bars.
    fn say(&self, line: &str) {
        if self.all.is_hidden() {
            eprintln!("{line}");
        } else {
            // Writing fails when the terminal is gone; then no progress is shown.
            let _ = self.all.println(line);
        }
    }

    pub fn clear(&self) {
        let _ = self.all.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant of this program")
}
