//! Why a worker process was not started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::{fmt, io};

/// A worker process could not be started. Names the program and its directory.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartError {
    /// The program that was to be run.
    pub program: OsString,
    /// The directory that it was to be run in; `None` for the foreground's own.
    pub directory: Option<PathBuf>,
    /// What the system said.
    pub source: io::Error,
}

impl StartError {
    /// What makes such errors about `command`, also when that is gone.
    pub(crate) fn about(command: &Command) -> impl Fn(io::Error) -> Self + use<> {
        let program = command.get_program().to_owned();
        let directory = command.get_current_dir().map(PathBuf::from);
        move |source| Self { program: program.clone(), directory: directory.clone(), source }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start the worker {:?}", self.program)?;
        if let Some(directory) = &self.directory {
            write!(f, " in {directory:?}")?;
            // The system reports a missing directory as it reports a missing program.
            if self.source.kind() == io::ErrorKind::NotFound && !directory.is_dir() {
                return f.write_str(": there is no such directory");
            }
        }
        write!(f, ": {}", self.source)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Keeps the kind of the system's error.
impl From<StartError> for io::Error {
    fn from(error: StartError) -> Self {
        io::Error::new(error.source.kind(), error)
    }
}
