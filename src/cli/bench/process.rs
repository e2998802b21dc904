//! What processes of this machine cost, from `/proc` (Linux, proc(5)).

use std::fs;
use std::io;
use std::time::Duration;

/// What processes have used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time of all their threads, user and system, in steps of 10 ms.
    pub cpu: Duration,
    /// Bytes of memory that are theirs alone and not a file's.
    pub memory: u64,
}

/// What the processes have used together.
pub fn usage(pids: &[u32]) -> Result<Usage, String> {
    let mut sum = Usage::default();
    for pid in pids {
        let usage = of_one(&pid.to_string()).map_err(|error| format!("--pid {pid}: {error}"))?;
        sum.cpu += usage.cpu;
        sum.memory += usage.memory;
    }
    Ok(sum)
}

/// What this process has used.
pub fn own() -> Option<Usage> {
    of_one("self").ok()
}

fn of_one(pid: &str) -> Result<Usage, String> {
    if !cfg!(target_os = "linux") {
        return Err("only Linux says in /proc what a process costs".to_owned());
    }
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(why);
    let unknown = || "/proc does not say what it costs".to_owned();
    Ok(Usage { cpu: cpu(&read("stat")?).ok_or_else(unknown)?, memory: memory(&read("status")?).ok_or_else(unknown)? })
}

fn why(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such process".to_owned(),
        _ => error.to_string(),
    }
}

/// What a tick is to user space, on all architectures that Rust has (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// `utime` and `stime`. The name before them is in parentheses and may have any character.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()? + TICK * ticks()?)
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 1000 10";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(memory("Name:\tx\nVmRSS:\t 9 kB\nRssAnon:\t   12 kB\n"), Some(12 * 1024));
        assert_eq!((cpu("7 (x) S"), memory("Name: x")), (None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_one_that_is_not_there_is_named() {
        assert!(own().unwrap().memory > 0);
        assert!(usage(&[u32::MAX]).unwrap_err().starts_with("--pid 4294967295: there is no such process"));
    }
}
