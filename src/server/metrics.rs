//! `GET /metrics`: the endpoints' numbers, for Prometheus. docs/operations.md lists them.

mod hooks;

use super::{ApiCounts, Connections, Mounted};
use crate::hooks::Hooks;
use crate::model::{Disconnect, Transport, fields};
use crate::node::Stats;
use http::{StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The endpoint. Numbers are gathered when somebody asks.
#[derive(Clone)]
pub(super) struct Metrics(Arc<Registry>);

/// What Prometheus has asked for since 2.5. Others get the older name of nearly the same text.
const OPEN_METRICS: &str = "application/openmetrics-text";

impl Metrics {
    /// With the numbers of the API and of hooks, where there are any.
    pub(super) fn new(
        endpoints: &[Mounted],
        connections: Arc<Connections>,
        api: Option<Arc<ApiCounts>>,
        hooks: Option<Arc<Hooks>>,
        log_lines_lost: Arc<AtomicU64>,
    ) -> Self {
        let mut registry = Registry::default();
        let started = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
        let endpoints = endpoints.to_vec();
        registry.register_collector(Box::new(Numbers { endpoints, connections, api, hooks, log_lines_lost, started }));
        Self(Arc::new(registry))
    }
}

impl Endpoint for Metrics {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let weight = |wanted: &str| {
            let mut accepted = fields::weighted(request.headers(), header::ACCEPT);
            accepted.find(|(media, _)| media == wanted).map_or(0, |(_, weight)| weight)
        };
        let open = weight(OPEN_METRICS) > 0 && weight(OPEN_METRICS) >= weight("text/plain");
        let content_type = match open {
            true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            false => "text/plain; version=0.0.4; charset=utf-8",
        };
        let mut body = String::new();
        Ok(match text::encode(&mut body, &self.0) {
            Ok(()) => Response::builder().content_type(content_type).body(body),
            Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into(),
        })
    }
}

#[derive(Debug)]
struct Numbers {
    endpoints: Vec<Mounted>,
    connections: Arc<Connections>,
    api: Option<Arc<ApiCounts>>,
    hooks: Option<Arc<Hooks>>,
    log_lines_lost: Arc<AtomicU64>,
    started: f64,
}

/// One endpoint's labels and value.
type Sample<'a> = (Vec<(&'static str, &'a str)>, u64);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats: Vec<_> = self.endpoints.iter().map(|e| (e.name.as_str(), e.byway.stats())).collect();
        let mut writer = Writer { encoder: &mut encoder, stats: &stats };
        writer.sessions()?;
        writer.limits()?;
        writer.traffic()?;
        self.api.as_ref().map_or(Ok(()), |api| writer.api(api))?;
        if let Some(hooks) = &self.hooks {
            writer.hooks(&hooks.stats())?;
        }
        writer.process(&self.connections, self.started)?;
        writer.log(self.log_lines_lost.load(Ordering::Relaxed))
    }
}

struct Writer<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
    stats: &'a [(&'a str, Stats)],
}

impl Writer<'_, '_> {
    fn sessions(&mut self) -> fmt::Result {
        self.counters("byway_sessions_opened", "Sessions opened", |stats| by_transport(&stats.opened))?;
        self.gauges("byway_sessions", "Sessions that are open or closing", |stats| by_transport(&stats.current))?;
        self.counters("byway_sessions_ended", "Sessions ended, by how they ended", |stats| {
            let count = |label| stats.ended.get(label).copied().unwrap_or_default();
            Disconnect::LABELS.iter().map(|label| (Some(("ending", *label)), count(label))).collect()
        })?;
        self.counters("byway_refused", "Requests refused before there was a session, by reason", |stats| {
            by("reason", &stats.refused)
        })
    }

    fn limits(&mut self) -> fmt::Result {
        self.counters("byway_limit_hits", "Times that a limit on what clients may send was reached", |stats| {
            by("limit", &stats.limit_hits)
        })?;
        self.counters("byway_connect_failures", "Clients that failed to show who they are", |stats| {
            vec![(None, stats.connect_failures)]
        })
    }

    fn traffic(&mut self) -> fmt::Result {
        self.counters("byway_messages", "Messages from clients (in) and to them (out)", |stats| {
            both_ways(stats.traffic.messages_in, stats.traffic.messages_out)
        })?;
        self.counters("byway_bytes", "Bytes of messages, without framing", |stats| {
            both_ways(stats.traffic.bytes_in, stats.traffic.bytes_out)
        })?;
        self.counters("byway_published", "Publications that topics and queues took", |stats| {
            vec![(None, stats.published)]
        })?;
        self.counters("byway_queue_messages_lost", "Messages of queues that became no dead letters", |stats| {
            by("reason", &stats.queue_losses)
        })?;
        self.counters("byway_messages_dropped", "Messages that a full queue lost", |stats| {
            vec![(None, stats.traffic.dropped)]
        })?;
        self.counters("byway_messages_conflated", "Messages that a newer one of the same key replaced", |stats| {
            vec![(None, stats.traffic.conflated)]
        })?;
        self.gauges("byway_queued_messages", "Messages that wait for clients", |stats| {
            vec![(None, stats.queued_messages)]
        })?;
        self.gauges("byway_queued_bytes", "Bytes that wait for clients", |stats| vec![(None, stats.queued_bytes)])?;
        self.gauges("byway_burst_bytes", "Bytes beyond the limits of queues", |stats| vec![(None, stats.burst_bytes)])
    }

    fn api(&mut self, api: &ApiCounts) -> fmt::Result {
        let help = "Requests to the API, by operation and by the answer's status";
        let mut metric = self.metric("byway_api_requests", help, MetricType::Counter)?;
        for ((operation, status), count) in api.requests() {
            let labels = [("operation", operation.to_owned()), ("status", status.to_string())];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "Messages that were to be published over the API, by what became of them";
        let mut metric = self.metric("byway_api_publications", help, MetricType::Counter)?;
        for (result, count) in api.publications() {
            metric.encode_family(&[("result", result)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn process(&mut self, connections: &Connections, started: f64) -> fmt::Result {
        let open = connections.open() as u64;
        self.metric("byway_connections", "Open TCP connections", MetricType::Gauge)?.encode_gauge(&open)?;
        let refused = connections.refused();
        let help = "TCP connections refused for being over a limit";
        self.metric("byway_connections_refused", help, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&refused, None)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        self.metric("byway_build", "What is running", MetricType::Info)?.encode_info(&version)?;
        let help = "When the process started, in seconds since 1970";
        self.metric("process_start_time_seconds", help, MetricType::Gauge)?.encode_gauge(&started)
    }

    fn log(&mut self, lines_lost: u64) -> fmt::Result {
        let help = "Lines of the log that could not be written";
        let mut metric = self.metric("byway_log_lines_lost", help, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&lines_lost, None)
    }

    fn counters(&mut self, name: &str, help: &str, values: impl Fn(&Stats) -> Vec<Value>) -> fmt::Result {
        let samples = samples(self.stats, values);
        let mut metric = self.metric(name, help, MetricType::Counter)?;
        for (labels, value) in &samples {
            metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(value, None)?;
        }
        Ok(())
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl Fn(&Stats) -> Vec<Value>) -> fmt::Result {
        let samples = samples(self.stats, values);
        let mut metric = self.metric(name, help, MetricType::Gauge)?;
        for (labels, value) in &samples {
            metric.encode_family(labels)?.encode_gauge(value)?;
        }
        Ok(())
    }

    fn metric<'s>(&'s mut self, name: &'s str, help: &str, kind: MetricType) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.encoder.encode_descriptor(name, help, None, kind)
    }
}

/// A number of one endpoint, and the label that tells it from its siblings.
type Value = (Option<(&'static str, &'static str)>, u64);

/// The values of every endpoint, each labelled with the endpoint's name.
fn samples<'a>(stats: &'a [(&'a str, Stats)], values: impl Fn(&Stats) -> Vec<Value>) -> Vec<Sample<'a>> {
    let of_one = |(name, stats): &'a (&'a str, Stats)| {
        let labelled = |(label, value)| (std::iter::once(("endpoint", *name)).chain(label).collect(), value);
        values(stats).into_iter().map(labelled).collect::<Vec<_>>()
    };
    stats.iter().flat_map(of_one).collect()
}

/// What was counted, under this label.
fn by(label: &'static str, counts: &BTreeMap<&'static str, u64>) -> Vec<Value> {
    counts.iter().map(|(value, count)| (Some((label, *value)), *count)).collect()
}

fn by_transport(counts: &BTreeMap<&'static str, u64>) -> Vec<Value> {
    let count = |transport: &Transport| counts.get(transport.name()).copied().unwrap_or_default();
    let all = Transport::ALL.iter().chain(&Transport::FEEDS);
    all.map(|transport| (Some(("transport", transport.name())), count(transport))).collect()
}

fn both_ways(inbound: u64, outbound: u64) -> Vec<Value> {
    vec![(Some(("direction", "in")), inbound), (Some(("direction", "out")), outbound)]
}
