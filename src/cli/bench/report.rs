//! What came out of a load, for people and for programs.

use super::shared::{Reasons, Sample, Shared};
use super::subscribers::Opened;
use super::track::Tally;
use crate::cli::arguments::Traffic;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a run has come to.
pub struct Outcome {
    pub shared: Arc<Shared>,
    pub opened: Opened,
    /// Anonymous memory of the server's processes before and after the subscribers came.
    pub memory: (u64, u64),
    pub publishers_failed: Reasons,
    pub ended: Reasons,
    pub tally: Tally,
    pub expected: u64,
    pub interrupted: bool,
    /// From the warm-up's end to the schedule's, and to the last message; `None` if it was interrupted before.
    pub measured: Option<[Sample; 3]>,
}

/// The report. Its fields are those of the JSON, which docs/tools.md explains.
#[derive(Debug, Serialize)]
pub struct Report {
    url: String,
    transport: &'static str,
    traffic: &'static str,
    message_bytes: usize,
    interrupted: bool,
    sessions: Sessions,
    messages: Messages,
    /// `None` if nothing was measured.
    latency_us: Option<Latency>,
    rates: Option<Rates>,
    /// `None` without a `--pid`.
    server: Option<Server>,
    load: Option<Load>,
}

#[derive(Debug, Serialize)]
struct Sessions {
    asked: usize,
    connected: usize,
    /// Without a receipt for their subscription.
    unconfirmed: usize,
    failed: BTreeMap<String, u64>,
    ended_early: BTreeMap<String, u64>,
    publishers_failed: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Messages {
    published: u64,
    expected: u64,
    delivered: u64,
    lost: u64,
    duplicates: u64,
    out_of_order: u64,
    foreign: u64,
}

#[derive(Debug, Serialize)]
struct Latency {
    samples: u64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Rates {
    seconds: f64,
    published_per_second: f64,
    delivered_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Server {
    cpu_seconds: f64,
    cpu_us_per_delivery: Option<f64>,
    memory_bytes_per_session: f64,
}

#[derive(Debug, Serialize)]
struct Load {
    cpu_seconds: f64,
    /// Of all its threads, how much: near 1, the load measures itself.
    busy: f64,
}

/// From here on the load is likely to be what is slow.
const BUSY: f64 = 0.8;

impl Report {
    pub fn of(outcome: Outcome) -> Self {
        let Outcome { shared, opened, .. } = &outcome;
        let plan = &shared.plan;
        Self {
            url: plan.wanted.target.to_string(),
            transport: plan.wanted.transport.name(),
            traffic: match plan.traffic {
                Traffic::Topic => "topic",
                Traffic::Broadcast => "broadcast",
                Traffic::Echo => "echo",
            },
            message_bytes: plan.size,
            interrupted: outcome.interrupted,
            messages: Messages::of(&outcome),
            latency_us: Latency::of(&outcome),
            rates: outcome.measured.as_ref().map(Rates::of),
            server: outcome.measured.as_ref().filter(|_| !plan.pids.is_empty()).map(|samples| {
                let (before, after) = outcome.memory;
                Server::of(samples, after.saturating_sub(before) as f64 / opened.connected as f64)
            }),
            load: outcome.measured.as_ref().and_then(|samples| Load::of(samples, plan.threads)),
            sessions: Sessions::of(outcome),
        }
    }

    /// Whether every session stayed and every message came to everybody, once and in order.
    pub fn is_clean(&self) -> bool {
        let Messages { lost, duplicates, out_of_order, .. } = self.messages;
        let sessions = &self.sessions;
        let failures = [&sessions.failed, &sessions.ended_early, &sessions.publishers_failed];
        lost + duplicates + out_of_order == 0
            && failures.iter().all(|reasons| reasons.is_empty())
            && (self.interrupted || sessions.connected == sessions.asked)
    }

    /// One line.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// A table.
    pub fn to_text(&self) -> String {
        let mut text = Text::default();
        text.row(
            "load",
            format!("{} over {}, {} bytes, {}", self.traffic, self.transport, self.message_bytes, self.url),
        );
        self.sessions.write(&mut text);
        self.messages.write(&mut text);
        if let Some(rates) = &self.rates {
            text.row("rates", rates.to_string());
        }
        if let Some(latency) = &self.latency_us {
            text.row("latency", latency.to_string());
        }
        if let Some(server) = &self.server {
            text.row("server", server.to_string());
        }
        if let Some(load) = &self.load {
            text.row("this load", load.to_string());
            if load.busy > BUSY {
                text.row("", "so busy itself that latency and rates are its own: --threads, or less load".to_owned());
            }
        }
        if self.interrupted {
            text.row("", "interrupted".to_owned());
        }
        text.0
    }
}

/// Rows of a name and what there is to say.
#[derive(Default)]
struct Text(String);

impl Text {
    fn row(&mut self, name: &str, value: String) {
        self.0 += &format!("{name:<12}{value}\n");
    }

    fn reasons(&mut self, name: &str, reasons: &BTreeMap<String, u64>) {
        for (reason, count) in reasons {
            self.row(name, format!("{count}: {reason}"));
        }
    }
}

impl Sessions {
    fn of(outcome: Outcome) -> Self {
        let Outcome { opened, ended: Reasons(ended_early), publishers_failed: Reasons(publishers_failed), .. } =
            outcome;
        Self {
            asked: opened.asked,
            connected: opened.connected,
            unconfirmed: opened.unconfirmed,
            failed: opened.failed.0,
            ended_early,
            publishers_failed,
        }
    }

    fn write(&self, text: &mut Text) {
        let unconfirmed = match self.unconfirmed {
            0 => String::new(),
            some => format!(", {some} without a receipt for their subscription"),
        };
        text.row("sessions", format!("{} of {} connected{unconfirmed}", self.connected, self.asked));
        text.reasons("  failed", &self.failed);
        text.reasons("  ended", &self.ended_early);
        text.reasons("  publisher", &self.publishers_failed);
    }
}

impl Messages {
    fn of(Outcome { shared, tally, expected, .. }: &Outcome) -> Self {
        Self {
            published: shared.published.load(Ordering::Relaxed),
            expected: *expected,
            delivered: tally.delivered,
            lost: expected.saturating_sub(tally.delivered),
            duplicates: tally.duplicates,
            out_of_order: tally.out_of_order,
            foreign: tally.foreign,
        }
    }

    fn write(&self, text: &mut Text) {
        text.row("published", self.published.to_string());
        text.row("delivered", format!("{} of {}", self.delivered, self.expected));
        text.row("lost", self.lost.to_string());
        text.row("duplicates", self.duplicates.to_string());
        text.row("disordered", self.out_of_order.to_string());
        if self.foreign > 0 {
            text.row("foreign", format!("{}, which are not of this load", self.foreign));
        }
    }
}

impl Latency {
    fn of(outcome: &Outcome) -> Option<Self> {
        let latency = &outcome.shared.latency;
        let at = |part| micros(latency.quantile(part));
        let samples = latency.count();
        let some =
            || Self { samples, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: micros(latency.max()) };
        (samples > 0).then(some)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |micros: f64| format!("{:.3} ms", micros / 1000.0);
        let Self { p50, p90, p99, p999, max, .. } = *self;
        let all = [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)];
        let all: Vec<_> = all.iter().map(|(name, value)| format!("{name} {}", milliseconds(*value))).collect();
        f.write_str(&all.join(", "))
    }
}

impl Rates {
    /// Deliveries are counted until the last one.
    fn of([begun, published, done]: &[Sample; 3]) -> Self {
        let seconds = |end: &Sample| (end.at - begun.at).as_secs_f64().max(f64::EPSILON);
        Self {
            seconds: seconds(published),
            published_per_second: (published.published - begun.published) as f64 / seconds(published),
            delivered_per_second: (done.delivered - begun.delivered) as f64 / seconds(done),
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, published_per_second, delivered_per_second } = self;
        write!(f, "{published_per_second:.0} published/s, {delivered_per_second:.0} delivered/s, over {seconds:.2} s")
    }
}

impl Server {
    fn of([begun, _, done]: &[Sample; 3], memory_bytes_per_session: f64) -> Self {
        let cpu_seconds = done.server.cpu.saturating_sub(begun.server.cpu).as_secs_f64();
        let delivered = done.delivered - begun.delivered;
        let cpu_us_per_delivery = (delivered > 0).then(|| cpu_seconds * 1e6 / delivered as f64);
        Self { cpu_seconds, cpu_us_per_delivery, memory_bytes_per_session }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s of CPU", self.cpu_seconds)?;
        if let Some(cost) = self.cpu_us_per_delivery {
            write!(f, ", {cost:.2} us for each delivery")?;
        }
        write!(f, "; {:.1} KiB of memory for each session", self.memory_bytes_per_session / 1024.0)
    }
}

impl Load {
    fn of([begun, _, done]: &[Sample; 3], threads: u16) -> Option<Self> {
        let cpu_seconds = done.own?.cpu.saturating_sub(begun.own?.cpu).as_secs_f64();
        let seconds = (done.at - begun.at).as_secs_f64().max(f64::EPSILON);
        Some(Self { cpu_seconds, busy: cpu_seconds / seconds / f64::from(threads) })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s of CPU, {:.0} % of its threads", self.cpu_seconds, self.busy * 100.0)
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}
