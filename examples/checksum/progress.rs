//! The bars on standard error, where that is a terminal.

use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

pub struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    workers: Vec<ProgressBar>,
}

impl Bars {
    pub fn new(workers: usize, files: usize) -> Self {
        let all = MultiProgress::new();
        let workers = (0..workers)
            .map(|_| all.add(ProgressBar::new(0).with_style(style("{bytes:>12} {wide_msg}"))))
            .collect();
        let whole = style("{bar:40} {pos}/{len} files, {eta} left");
        let whole = all.add(ProgressBar::new(files as u64).with_style(whole));
        Self { all, whole, workers }
    }

    /// A worker has read `bytes` of this file.
    pub fn read(&self, worker: usize, path: &Path, bytes: u64) {
        self.workers[worker].set_message(path.display().to_string());
        self.workers[worker].set_position(bytes);
    }

    /// One more file is done.
    pub fn done(&self) {
        self.whole.inc(1);
    }

    /// Says something above the bars.
    pub fn say(&self, line: &str) {
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
