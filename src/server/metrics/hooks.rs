//! The numbers of hooks.

use super::Writer;
use crate::hooks::{HookStats, KindStats};
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use std::fmt;

impl Writer<'_, '_> {
    pub(super) fn hooks(&mut self, stats: &HookStats) -> fmt::Result {
        self.hook_calls(stats)?;
        self.hook_seconds(stats)?;
        self.hook_breakers(stats)?;
        self.hook_events(stats)
    }

    fn hook_calls(&mut self, stats: &HookStats) -> fmt::Result {
        let help = "Calls of the backend, by how they ended";
        let mut metric = self.metric("byway_hook_calls", help, MetricType::Counter)?;
        for (hook, kind) in &stats.kinds {
            for (outcome, count) in &kind.outcomes {
                let labels = [("hook", *hook), ("outcome", *outcome)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
        Ok(())
    }

    fn hook_seconds(&mut self, stats: &HookStats) -> fmt::Result {
        let help = "How long calls of the backend took, with waiting and all attempts";
        let mut metric = self.metric("byway_hook_seconds", help, MetricType::Histogram)?;
        for (hook, kind) in &stats.kinds {
            let bounds = KindStats::BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(kind.buckets).collect();
            let labels = [("hook", *hook)];
            let mut family = metric.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(kind.seconds, kind.buckets.iter().sum(), &buckets, None)?;
        }
        Ok(())
    }

    fn hook_breakers(&mut self, stats: &HookStats) -> fmt::Result {
        let help = "Whether the backend is left alone because it failed too often";
        let mut metric = self.metric("byway_hook_breaker_open", help, MetricType::Gauge)?;
        for (hook, kind) in &stats.kinds {
            metric.encode_family(&[("hook", *hook)])?.encode_gauge(&u64::from(kind.is_open))?;
        }
        Ok(())
    }

    fn hook_events(&mut self, stats: &HookStats) -> fmt::Result {
        let help = "Events that wait to be delivered to the backend";
        self.metric("byway_hook_events_queued", help, MetricType::Gauge)?.encode_gauge(&stats.events_queued)?;
        let help = "Events that the backend took (delivered), and that were lost because too many waited (dropped)";
        let mut metric = self.metric("byway_hook_events", help, MetricType::Counter)?;
        for (outcome, count) in [("delivered", stats.events_delivered), ("dropped", stats.events_dropped)] {
            metric.encode_family(&[("outcome", outcome)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }
}
