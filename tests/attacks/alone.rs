//! Tests that need a process of their own: because they measure its memory, or exhaust its file descriptors.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::Command;

const VARIABLE: &str = "BYWAY_TEST_ALONE";

/// Runs this test again, alone in a new process, where `body` is then carried out. `limits` are shell commands that set
/// the new process's limits.
pub fn alone(test: &str, limits: &str, body: impl Future<Output = ()>) {
    if std::env::var_os(VARIABLE).is_some_and(|name| name == test) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(body);
    }
    let executable = std::env::current_exe().expect("a test knows its own file");
    let script = format!("{limits}\nexec \"$0\" --exact \"$1\" --nocapture");
    let output = Command::new("sh").arg("-c").arg(script).arg(executable).arg(test).env(VARIABLE, test).output();
    let output = output.expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// What the process has in memory now, in bytes.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this test runs on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells VmRSS");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// How often at the most [`leaves_nothing_behind`] looks.
const ROUNDS: usize = 8;

/// Does the same again until a round has left no more memory behind than the one before. What is kept of each round, however
/// little, grows with all of them; what the allocator keeps for itself grows with some.
pub async fn leaves_nothing_behind(mut round: impl AsyncFnMut(usize)) {
    const SLACK: usize = 1 << 20;
    let mut after: Vec<usize> = Vec::new();
    for n in 0..ROUNDS {
        round(n).await;
        let now = resident();
        if after.last().is_some_and(|before| now < before + SLACK) {
            return;
        }
        after.push(now);
    }
    panic!("each round leaves more behind: {after:?} bytes");
}

/// What the process uses of the CPU. The file is opened ahead, so that it can be asked without a free descriptor.
pub struct Cpu(File);

impl Cpu {
    pub fn open() -> Self {
        Self(File::open("/proc/self/stat").expect("this test runs on Linux"))
    }

    /// Seconds so far.
    pub fn seconds(&mut self) -> f64 {
        let mut stat = String::new();
        self.0.seek(SeekFrom::Start(0)).and_then(|_| self.0.read_to_string(&mut stat)).expect("readable again");
        seconds(&stat)
    }
}

/// User and system time, the 14th and 15th fields, in hundredths.
fn seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').expect("the name is in parentheses").1;
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or(0.0)).sum();
    ticks / 100.0
}
