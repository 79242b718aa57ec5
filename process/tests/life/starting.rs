//! What a worker process finds when it starts, and what is no worker.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use homing_core::Exit;
use homing_process::SpawnOptions;

use crate::{again, common, end_of, hear, run_foreground, spawn};

#[test]
fn a_worker_starts_when_standard_descriptors_are_closed() {
    for role in ["closed:0:", "closed:1:", "closed:2:", "closed:0:1", "closed:1:2"] {
        // Their output may be closed: they tell by the exit code alone.
        assert!(again(role).status().unwrap().success(), "{role}");
    }
}

#[test]
fn a_worker_starts_with_no_blocked_and_no_ignored_signals() {
    run_foreground("masked");
}

#[test]
fn starting_a_worker_does_not_fork() {
    run_foreground("counts-forks");
}

#[test]
fn children_of_other_threads_inherit_nothing_of_a_link() {
    run_foreground("starts-others");
}

#[test]
fn a_helper_of_a_worker_is_no_worker() {
    for when in ["before", "after"] {
        let (worker, heard) = hear(again(&format!("helped:{when}")), &SpawnOptions::new());
        assert!(heard.contains("<NotAWorker>"), "{when}: {heard}");
        assert_eq!(end_of(&worker), Some(Exit::Code(0)));
    }
}

#[test]
fn a_stale_or_foreign_description_makes_no_worker() {
    let me = std::process::id();
    for text in [
        "nonsense".to_owned(),
        "1;pipe;3:1:2;16;homing1-00".to_owned(),
        format!("2;{};0;0;0;;3:1:2;pipe;16;t", me + 1),
        "2;1;0;0;0;;1:1:1;pipe;16;t".to_owned(),
    ] {
        let output = again("report").env("HOMING_LINK", &text).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("<NotAWorker>"), "{text}: {said}");
    }
}

/// A shell that runs `script`, in which `$WORKER` is the worker.
fn shell(script: &str) -> Command {
    let worker = again("report");
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::null()).stdin(Stdio::null());
    command.envs(worker.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let arguments: Vec<_> = worker.get_args().map(|text| text.to_str().unwrap()).collect();
    let program = worker.get_program().to_str().unwrap();
    command.env("WORKER", format!("{program} {}", arguments.join(" ")));
    command
}

#[test]
fn wrappers_that_exec_start_workers() {
    for script in ["exec $WORKER", "exec env $WORKER", "exec nice $WORKER", "exec nohup $WORKER"] {
        let (_, heard) = hear(shell(script), &SpawnOptions::new());
        assert_eq!(heard, "worker", "{script}");
    }
}

#[test]
fn wrappers_that_stay_start_workers_if_that_is_allowed() {
    let scripts = ["$WORKER; true", "exec timeout 60 $WORKER", "exec setsid $WORKER"];
    for script in scripts {
        let (_, heard) = hear(shell(script), &SpawnOptions::new().adopt_through_wrappers());
        assert_eq!(heard, "worker", "{script}");
    }
    let (_, heard) = hear(shell("$WORKER; true"), &SpawnOptions::new());
    assert_eq!(heard, "");
}

#[test]
fn all_of_a_command_is_carried() {
    let (mut reader, writer) = os_pipe::pipe().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "read word; echo \"$0 $word $WORD $(umask) $PWD $HOME\"; echo err >&2"])
        .arg0("sh")
        .env_clear()
        .env("WORD", "two")
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped());
    // SAFETY: umask is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::umask(0o777);
            Ok(())
        });
    }
    let worker = spawn(command, &SpawnOptions::new().named("echo"), Vec::new());
    worker.take_stdin().unwrap().write_all(b"one\n").unwrap();
    let said = std::io::read_to_string(&mut reader).unwrap();
    assert_eq!(said.trim_end(), "sh one two 0777 /");
    assert_eq!(std::io::read_to_string(worker.take_stderr().unwrap()).unwrap(), "err\n");
    assert!(worker.take_stdout().is_none());
    assert_eq!(end_of(&worker), Some(Exit::Code(0)));
    assert_eq!(worker.to_string(), format!("worker `echo` (pid {})", worker.id()));
}

#[test]
fn an_error_names_the_program_and_the_directory() {
    let error = common::spawn(Command::new("/no/such/program"), Vec::new()).unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
    let mut command = Command::new("true");
    command.current_dir("/no/such/directory");
    let error = common::spawn(command, Vec::new()).unwrap_err();
    assert!(error.to_string().ends_with("\"/no/such/directory\": there is no such directory"));
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
