//! The phases of a load: open, publish, wait for the rest.

use super::plan::Plan;
use super::process;
use super::publishers::{Publisher, Schedule, publish};
use super::report::{Outcome, Report};
use super::shared::{Reasons, Sample, Shared};
use super::subscribers::Subscribers;
use crate::cli::arguments::Traffic;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Runs a load to its end, or until `interrupted`.
///
/// # Errors
/// When there is nothing to report: no session could be opened, or a process that is to be watched is not there.
pub async fn run(plan: Plan, interrupted: impl Future<Output = ()> + Send + 'static) -> Result<Report, String> {
    let shared = Arc::new(Shared::new(plan)?);
    let (stop, enough) = watch::channel(false);
    tokio::spawn(async move {
        interrupted.await;
        stop.send_replace(true);
        // The channel stays open: its end would be taken for the signal.
        std::future::pending::<()>().await;
    });
    let before = process::usage(&shared.plan.pids)?.memory;
    let mut subscribers = Subscribers::open(&shared, enough.clone()).await;
    if subscribers.opened.connected == 0 {
        return Err(nobody(&shared, &subscribers.opened.failed));
    }
    let memory = (before, process::usage(&shared.plan.pids)?.memory);
    let publishers = publishers(&shared, &mut subscribers).await?;
    let (publishers_failed, begun, published) = publish_all(&shared, publishers, &enough).await?;
    let expected = expected(&shared, subscribers.opened.connected);
    let done = rest(&shared, expected).await?;
    let measured = begun.map(|begun| [begun, published, done]);
    let (opened, tally, ended) = subscribers.close().await;
    let interrupted = *enough.borrow();
    let outcome = Outcome { shared, opened, memory, publishers_failed, ended, tally, expected, interrupted, measured };
    Ok(Report::of(outcome))
}

async fn publishers(shared: &Shared, subscribers: &mut Subscribers) -> Result<Vec<Publisher>, String> {
    if shared.plan.traffic == Traffic::Echo {
        return Ok(std::mem::take(&mut subscribers.senders).into_iter().map(Publisher::of_listener).collect());
    }
    let failed = |failure| format!("{}: a publisher: {failure}", shared.plan.wanted.target);
    Publisher::open_all(shared).await.map_err(failed)
}

fn nobody(shared: &Shared, failed: &Reasons) -> String {
    let reasons: Vec<_> = failed.0.iter().map(|(reason, count)| format!("{count} times: {reason}")).collect();
    match reasons.is_empty() {
        true => "stopped before a session was open".to_owned(),
        false => format!("{}: no session could be opened\n{}", shared.plan.wanted.target, reasons.join("\n")),
    }
}

/// Publishes to the schedule's end. Answers which publishers failed, and how things stood when the warm-up was over, if it
/// was, and at the end.
async fn publish_all(
    shared: &Arc<Shared>,
    publishers: Vec<Publisher>,
    enough: &watch::Receiver<bool>,
) -> Result<(Reasons, Option<Sample>, Sample), String> {
    let plan = &shared.plan;
    let start = Instant::now();
    let schedule = Schedule {
        start,
        end: start + plan.warmup + plan.duration,
        pause: Duration::from_secs_f64(1.0 / plan.rate),
        publishers: publishers.len() as u32,
    };
    let measured_from = start + plan.warmup;
    shared.measured_from.store(shared.nanoseconds(measured_from), Ordering::Relaxed);
    let mut over = enough.clone();
    let warmed_up = async {
        tokio::select! {
            () = tokio::time::sleep_until(measured_from) => shared.sample().map(Some),
            _ = over.wait_for(|over| *over) => Ok(None),
        }
    };
    let (failed, begun) = tokio::join!(publish(shared, publishers, schedule, enough), warmed_up);
    Ok((failed, begun?, shared.sample()?))
}

/// How many deliveries there have to be.
fn expected(shared: &Shared, connected: usize) -> u64 {
    let listeners = if shared.plan.traffic == Traffic::Echo { 1 } else { connected as u64 };
    shared.published.load(Ordering::Relaxed) * listeners
}

/// How often it is looked whether all have come.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until all messages have come, or as long as the plan says; for those of an interrupted load as well. Answers how
/// things stood when the last one had come: rates are not over the time in which nothing did.
async fn rest(shared: &Shared, expected: u64) -> Result<Sample, String> {
    let deadline = Instant::now() + shared.plan.wait;
    let delivered = || shared.delivered.load(Ordering::Relaxed);
    let mut done = shared.sample()?;
    while delivered() < expected && Instant::now() < deadline {
        sleep(LOOK).await;
        if delivered() > done.delivered {
            done = shared.sample()?;
        }
    }
    Ok(done)
}
