//! What the workers do, and the foregrounds that need a process of their own.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use homing_core::Exit;
use homing_process::{ChildProcess, Inherited, SpawnOptions};

use crate::{HANG, again, end_of, hear, spawn};

/// Does what the role says, if it is one of these.
pub(crate) fn play(role: &str) {
    match role.split(':').collect::<Vec<_>>()[..] {
        ["status"] => status(),
        ["report"] => report(),
        ["helped", when] => helped(when),
        ["exits", code] => std::process::exit(code.parse().unwrap()),
        ["writes-stderr"] => {
            (0..100).for_each(|n| eprintln!("line {n}"));
            eprint!("last");
            std::process::exit(3);
        }
        ["tracer", worker] => trace(worker.parse().unwrap()),
        ["closed", first, second] => closed([first, second]),
        ["masked"] => masked(),
        ["sigchld-ignored"] => sigchld_ignored(),
        ["reaped-elsewhere"] => reaped_elsewhere(),
        ["traced"] => traced(),
        ["unprivileged"] => unprivileged(),
        ["forks"] => forks(),
        ["counts-forks"] => counts_forks(),
        ["starts-others"] => starts_others(),
        _ => panic!("no such role: {role}"),
    }
}

/// A worker that writes what signals it blocks and ignores, and its handle's number.
fn status() {
    let mut link = Inherited::take().unwrap();
    let handle = link.handles.remove(0);
    let number = handle.as_raw_fd();
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let signals: Vec<&str> = status
        .lines()
        .filter(|line| line.starts_with("SigB") || line.starts_with("SigI"))
        .collect();
    write!(File::from(handle), "{number} {}", signals.join(" ")).unwrap();
}

/// A program that says whether it is a worker.
fn report() {
    match Inherited::take() {
        Ok(link) => {
            File::from(link.handles.into_iter().next().unwrap()).write_all(b"worker").unwrap()
        }
        Err(error) => println!("<{error:?}>"),
    }
}

/// A worker that starts a helper, and writes what the helper takes itself for.
fn helped(when: &str) {
    let ask = || {
        let output = again("report").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let early = (when == "before").then(ask);
    let link = Inherited::take().unwrap();
    let answer = early.unwrap_or_else(ask);
    File::from(link.handles.into_iter().next().unwrap()).write_all(answer.as_bytes()).unwrap();
}

fn trace(worker: i32) {
    // SAFETY: it attaches to a process, and touches no memory of this one.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, worker, 0, 0) };
    println!("\n<seized {done}>");
    std::thread::sleep(HANG);
}

fn closed(numbers: [&str; 2]) {
    for number in numbers.iter().filter_map(|number| number.parse().ok()) {
        // SAFETY: nothing in this process owns the standard descriptors.
        unsafe { libc::close(number) };
    }
    let (worker, heard) = hear(again("status"), &SpawnOptions::new());
    let number: i32 = heard.split_whitespace().next().unwrap_or("-1").parse().unwrap();
    if number < 3 || end_of(&worker) != Some(Exit::Code(0)) {
        std::process::exit(9);
    }
}

fn masked() {
    // SAFETY: the set is initialised by sigemptyset; no handler is installed.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
    }
    let (_worker, heard) = hear(again("status"), &SpawnOptions::new());
    let set = |name: &str| {
        let digits = heard.split_once(name).unwrap().1.trim_start().split(' ').next().unwrap();
        // Those above are the C library's, which lets no program change them.
        u64::from_str_radix(digits, 16).unwrap() & 0x7fff_ffff
    };
    assert_eq!(set("SigBlk:"), 0, "{heard}");
    // SIGPIPE is ignored by every Rust program.
    assert_eq!(set("SigIgn:"), 1 << (libc::SIGPIPE - 1), "{heard}");
}

fn sigchld_ignored() {
    // SAFETY: to ignore a signal runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let missing = crate::common::spawn(Command::new("/no/such/program"), Vec::new());
    assert!(missing.unwrap_err().to_string().contains("/no/such/program"));
    let worker = spawn(again("exits:3"), &SpawnOptions::new(), Vec::new());
    // The kernel may be too old to tell.
    assert!(matches!(end_of(&worker), Some(Exit::Code(3)) | None));
    worker.kill().unwrap();
    assert!(worker.end());
    for _ in 0..50 {
        // Ends before its pidfd can be opened, at times.
        let worker = spawn(Command::new("true"), &SpawnOptions::new(), Vec::new());
        assert!(matches!(end_of(&worker), Some(Exit::Code(0)) | None));
    }
}

fn reaped_elsewhere() {
    let worker = spawn(again("exits:3"), &SpawnOptions::new(), Vec::new());
    let other = spawn(Command::new("true"), &SpawnOptions::new(), Vec::new());
    for _ in 0..2 {
        // SAFETY: a null status is allowed.
        assert!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0);
    }
    assert!(matches!(end_of(&worker), Some(Exit::Code(3)) | None));
    worker.kill().unwrap();
    assert!(other.end());
}

fn traced() {
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let worker = spawn(sleep, &SpawnOptions::new(), Vec::new());
    let mut tracer = again(&format!("tracer:{}", worker.id()));
    let mut tracer = tracer.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(tracer.stdout.take().unwrap()));
    let seized =
        lines.find_map(|line| line.unwrap().split_once("<seized ").map(|(_, s)| s == "0>"));
    if seized == Some(true) {
        worker.kill().unwrap();
        // The tracer, which does not reap it, keeps its remains.
        assert_eq!(worker.wait_deadline(Instant::now() + Duration::from_millis(300)), None);
    }
    tracer.kill().unwrap();
    tracer.wait().unwrap();
    worker.kill().unwrap();
    assert_eq!(end_of(&worker), Some(Exit::Signal(9)));
}

fn unprivileged() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let worker = spawn(sleep, &SpawnOptions::new(), Vec::new());
    // SAFETY: no preconditions.
    assert_eq!(unsafe { libc::setuid(65534) }, 0);
    assert_eq!(worker.kill().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    // Returns, and says that the worker is still there.
    assert!(!worker.end());
    assert_eq!(worker.exit(), None);
}

fn forks() {
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let worker = spawn(sleep, &SpawnOptions::new(), Vec::new());
    assert!(!homing_process::forked());
    // SAFETY: the copy is small enough not to need what other threads may hold: it allocates
    // nothing, and ends by _exit.
    let copy = unsafe { libc::fork() };
    if copy == 0 {
        let fine = homing_process::forked()
            && worker.kill().is_err()
            && worker.try_reap().is_none()
            && worker.wait_deadline(Instant::now()).is_none();
        drop(worker);
        // SAFETY: no preconditions.
        unsafe { libc::_exit(if fine { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the status is written to a variable of its type.
    assert_eq!(unsafe { libc::waitpid(copy, &raw mut status, 0) }, copy);
    assert_eq!(status, 0, "the copy");
    assert_eq!(worker.try_reap(), None, "the worker lives");
    assert!(worker.end());
    assert_eq!(worker.exit(), Some(Some(Exit::Signal(9))));
}

/// A fork would copy the page tables of a large foreground.
fn counts_forks() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static FORKS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::SeqCst);
    }
    // SAFETY: the handler only changes an atomic.
    unsafe { libc::pthread_atfork(Some(count), None, None) };
    let mut command = again("status");
    command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let (worker, heard) = hear(command, &SpawnOptions::new().own_process_group().capture_stderr(3));
    assert!(!heard.is_empty());
    assert_eq!(end_of(&worker), Some(Exit::Code(0)));
    assert_eq!(FORKS.load(Ordering::SeqCst), 0);
}

/// Children of other threads get nothing of a worker's link.
fn starts_others() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static DONE: AtomicBool = AtomicBool::new(false);
    let listed = || {
        let output = Command::new("ls").arg("/proc/self/fd").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // This process may itself have inherited some.
    let before = listed();
    let others = std::thread::spawn(move || {
        while !DONE.load(Ordering::SeqCst) {
            assert_eq!(listed(), before);
        }
    });
    let workers: Vec<ChildProcess> = (0..100)
        .map(|_| {
            let (_reader, writer) = os_pipe::pipe().unwrap();
            spawn(Command::new("true"), &SpawnOptions::new(), vec![writer.into()])
        })
        .collect();
    DONE.store(true, Ordering::SeqCst);
    others.join().unwrap();
    for worker in workers {
        assert_eq!(end_of(&worker), Some(Exit::Code(0)));
    }
}
