//! The thread that writes the frames of a way back.

use std::io::{self, Write};
use std::thread;

use crate::downlink::SerialDownlink;

/// Ends the thread that writes when it is dropped, which does not wait: a thread that is in `write`
/// ends when that returns.
pub(crate) struct WriterThread {
    downlink: SerialDownlink,
    /// What a writer of a descriptor watches while it waits.
    #[cfg(unix)]
    _stop: Option<io::PipeWriter>,
}

impl WriterThread {
    pub(crate) fn downlink(&self) -> &SerialDownlink {
        &self.downlink
    }
}

/// What a way back is written to.
pub(crate) enum Target {
    Blocking(Box<dyn Write + Send>),
    #[cfg(unix)]
    Descriptor(std::sync::Arc<dyn descriptor::Port>),
}

/// Starts the thread.
pub(crate) fn spawn(target: Target, downlink: SerialDownlink) -> io::Result<WriterThread> {
    #[cfg(unix)]
    let mut stop = None;
    let mut writer: Box<dyn Write + Send> = match target {
        Target::Blocking(writer) => writer,
        #[cfg(unix)]
        Target::Descriptor(port) => {
            let (stopped, end) = io::pipe()?;
            stop = Some(end);
            Box::new(descriptor::DescriptorWriter { port, stopped })
        }
    };
    let shared = downlink.clone();
    thread::Builder::new().name("homing-serial".into()).spawn(move || {
        while let Some(frame) = shared.next_frame() {
            if let Err(error) = writer.write_all(&frame).and_then(|()| writer.flush()) {
                log::warn!("a serial line takes no commands any more: {error}");
                break;
            }
        }
        shared.end();
    })?;
    Ok(WriterThread {
        downlink,
        #[cfg(unix)]
        _stop: stop,
    })
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.downlink.end();
    }
}

/// Writing to a descriptor that does not block, as another thread reads it.
#[cfg(unix)]
pub(crate) mod descriptor {
    use std::io::{self, PipeReader, Write};
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    /// What has a descriptor and may be used on two threads.
    pub(crate) trait Port: AsFd + Send + Sync {}

    impl<T: AsFd + Send + Sync> Port for T {}

    pub(super) struct DescriptorWriter {
        pub(super) port: Arc<dyn Port>,
        /// Ends when nothing is to be written any more.
        pub(super) stopped: PipeReader,
    }

    impl DescriptorWriter {
        /// Waits until something can be written, which is not to say how much.
        fn wait(&self) -> io::Result<()> {
            let mut watched = [
                PollFd::new(&self.port, PollFlags::OUT),
                PollFd::new(&self.stopped, PollFlags::IN),
            ];
            match poll(&mut watched, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [_, stopped] = watched;
            match stopped.revents().is_empty() {
                true => Ok(()),
                false => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the link has ended")),
            }
        }
    }

    impl Write for DescriptorWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            loop {
                match rustix::io::write(&self.port, bytes) {
                    Err(Errno::AGAIN) => self.wait()?,
                    written => return Ok(written?),
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
