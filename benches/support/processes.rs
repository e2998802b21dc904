//! Child processes, the cores that everybody runs on, and what a child has used.

use super::roles::Role;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A child that plays a role, and listens on a port of all local addresses. It is killed when dropped.
pub struct Process {
    child: Child,
    pub port: u16,
}

impl Process {
    /// Starts this very program in another role, and waits until it listens.
    pub fn start(role: Role) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--role", role.name()])
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, port })
    }

    /// The CPU time that it has used, in user space and in the kernel, to the nanosecond.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(self.proc("task"))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += first_number(&stat)?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The memory that is its own: anonymous pages, so neither its program nor the kernel's buffers.
    pub fn memory(&self) -> io::Result<u64> {
        let smaps = fs::read_to_string(self.proc("smaps_rollup"))?;
        let line = smaps.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        Ok(first_number(line.unwrap_or_default())? * 1024)
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have died by itself, which whoever needed it has noticed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn first_number(text: &str) -> io::Result<u64> {
    text.split_whitespace().next().unwrap_or_default().parse().map_err(io::Error::other)
}

/// Servers run on the first core that there is.
pub fn pin_server() {
    pin(|cores| cores.first().copied());
}

/// The client runs on the last core that there is.
pub fn pin_client() {
    if cores().len() < 2 {
        eprintln!("There is only one core: client and server share it.");
    }
    pin(|cores| cores.last().copied());
}

fn pin(choose: impl Fn(&[usize]) -> Option<usize>) {
    let mut set = CpuSet::new();
    let pinned = choose(&cores()).is_some_and(|core| set.set(core).is_ok() && set_affinity(&set));
    if !pinned {
        eprintln!("Could not choose a core; the figures will be noisier.");
    }
}

fn set_affinity(set: &CpuSet) -> bool {
    sched_setaffinity(Pid::from_raw(0), set).is_ok()
}

/// All cores of the machine: a child must not take its parent's choice for the machine.
fn cores() -> Vec<usize> {
    let mut all = CpuSet::new();
    (0..CpuSet::count()).for_each(|core| all.set(core).unwrap_or_default());
    set_affinity(&all);
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or_default()).collect()
}

/// As many files as this process may have; children inherit it.
pub fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok();
    }
}
