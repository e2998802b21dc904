//! Defaults that fit the memory that there is.
//!
//! A machine, a container or a limit of the process's own may have less than the defaults need when clients use all that they
//! may. The budgets that all clients share are then smaller; what one client may do is the same. What somebody has set stays.

use super::Config;
use crate::node::LimitSettings;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;

/// What a process takes with nothing to do.
const BASE: u64 = 32 * MIB;

/// What a connection and a session take.
const CONNECTION: u64 = 16 * 1024;
const SESSION: u64 = 3 * 1024;

/// Bytes of memory that the process may have: the least of the machine's, its cgroup's (v2 and v1), and its own limit
/// (`ulimit -v`). None where nothing says so.
pub fn available() -> Option<u64> {
    let own = rlimit::Resource::AS.get_soft().ok().filter(|limit| *limit != rlimit::INFINITY);
    [machine(), own].into_iter().flatten().chain(cgroups()).min()
}

fn machine() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The limits of the process's cgroups and of all above them. In a container the root is often its own.
fn cgroups() -> impl Iterator<Item = u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limit_files(&groups).into_iter().filter_map(|file| limit_of(&std::fs::read_to_string(file).ok()?))
}

/// The files with the limits of these groups, as /proc/self/cgroup lists them.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let levels = Path::new(path).ancestors().map(|level| level.strip_prefix("/").unwrap_or(level));
        files.extend(levels.map(|level| Path::new(root).join(level).join(name)));
    }
    files
}

/// `max`, or the largest number that there is, is no limit.
fn limit_of(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < 1 << 60)
}

impl Config {
    /// The defaults for so much memory, and so many threads that serve.
    pub(super) fn fitting(memory: Option<u64>, threads: usize) -> Self {
        let mut config = Self::default();
        let Some(memory) = memory else { return config };
        config.server.max_connections = at_most(config.server.max_connections, memory / 100_000);
        config.server.max_connections_per_ip =
            at_most(config.server.max_connections_per_ip, config.server.max_connections as u64 / 4);
        config.broker.max_queue_bytes = at_most(config.broker.max_queue_bytes, memory / 16);
        config.broker.max_history_bytes = at_most(config.broker.max_history_bytes, memory / 16);
        for endpoint in config.endpoints.values_mut() {
            endpoint.limits = limits_fitting(memory, threads);
        }
        config
    }

    /// What clients can make the server take when they use all that they may, in bytes, beside what waits for those who do not
    /// read (`session.queue_bytes`).
    pub fn may_need(&self) -> u64 {
        let of_endpoint = |limits: &LimitSettings| {
            let publishing = limits.publish_bytes as u64 * self.server.threads() as u64;
            (limits.max_sessions as u64).saturating_mul(SESSION).saturating_add(publishing)
        };
        let broker = (self.broker.max_queue_bytes as u64).saturating_add(self.broker.max_history_bytes as u64);
        let endpoints = self.endpoints.values().map(|endpoint| {
            let broker = if endpoint.app.asks_policies() { broker } else { 0 };
            of_endpoint(&endpoint.limits).saturating_add(broker)
        });
        let connections = (self.server.max_connections as u64).saturating_mul(CONNECTION);
        endpoints.fold(BASE.saturating_add(connections), u64::saturating_add)
    }
}

/// An endpoint's default limits for so much memory.
pub(super) fn limits_fitting(memory: u64, threads: usize) -> LimitSettings {
    let default = LimitSettings::default();
    let max_sessions = at_most(default.max_sessions, memory / 42_000);
    LimitSettings {
        max_sessions,
        max_sessions_per_address: at_most(default.max_sessions_per_address, max_sessions as u64 / 4),
        max_unconnected_per_address: at_most(default.max_unconnected_per_address, max_sessions as u64 / 8),
        max_held_bytes_per_address: at_most(default.max_held_bytes_per_address, (memory / 256).max(2 * MIB)),
        publish_bytes: at_most(default.publish_bytes, (memory / 24 / threads.max(1) as u64).max(MIB)),
        ..default
    }
}

fn at_most(default: usize, limit: u64) -> usize {
    default.min(usize::try_from(limit.max(1)).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_4_gib_and_more_or_where_nobody_knows_the_defaults_are_what_they_are() {
        assert_eq!(Config::fitting(None, 2), Config::default());
        assert_eq!(Config::fitting(Some(4200 * MIB), 2), Config::default());
    }

    /// docs/operations.md has the table.
    #[test]
    fn with_less_the_budgets_that_all_share_are_smaller_and_fit() {
        for (memory, connections, per_ip, sessions, queues, held) in [
            (256, 2684, 671, 6391, 16, 2),
            (512, 5368, 1200, 12_782, 32, 2),
            (1024, 10_737, 1200, 25_565, 64, 4),
            (2048, 20_000, 1200, 51_130, 128, 8),
        ] {
            let mut config = Config::fitting(Some(memory * MIB), 2);
            config.server.workers = 2;
            let limits = &config.endpoints["stomp"].limits;
            assert_eq!((config.server.max_connections, config.server.max_connections_per_ip), (connections, per_ip));
            assert_eq!(limits.max_sessions, sessions);
            assert_eq!((config.broker.max_queue_bytes, config.broker.max_history_bytes), (queues << 20, queues << 20));
            assert_eq!(limits.max_held_bytes_per_address, held << 20);
            assert!(config.may_need() < memory * MIB, "{memory} MiB: {}", config.may_need() / MIB);
        }
    }

    #[test]
    fn every_group_above_the_process_s_own_may_have_a_limit_in_either_version() {
        let files = |groups| limit_files(groups).iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        let v2 = ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"];
        assert_eq!(files("0::/a/b\n"), v2);
        let v1 = files("5:devices:/x\n4:cpu,memory:/a\n0::/\n");
        let own = "/sys/fs/cgroup/memory/a/memory.limit_in_bytes";
        assert!(v1.contains(&own.to_owned()) && v1.len() == 3, "{v1:?}");
        assert_eq!(files("nonsense\n"), [""; 0]);
    }

    #[test]
    fn a_limit_is_a_number_and_the_word_and_the_largest_number_are_none() {
        assert_eq!(limit_of("268435456\n"), Some(256 * MIB));
        assert_eq!([limit_of("max\n"), limit_of("9223372036854771712\n"), limit_of("")], [None; 3]);
    }
}
