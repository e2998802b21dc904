//! Sessions that send, on a schedule that does not wait for the server.

use super::payload::Stamp;
use super::plan::PublishBy;
use super::shared::{Reasons, Shared};
use crate::cli::arguments::Traffic;
use crate::cli::client::{Failure, Hearing, Link, Poster, Receiver, Sender, Talk, send};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How long opening a session may take.
const OPENING: Duration = Duration::from_secs(15);

/// How late the clock's ticks may make a message without anybody's fault.
const TICK: Duration = Duration::from_millis(3);

/// One session that sends, and what comes back to it; or one connection for requests.
pub struct Publisher {
    number: u32,
    outgoing: Outgoing,
    back: Back,
}

enum Outgoing {
    Session(Sender),
    Poster(Poster),
}

enum Back {
    Stomp(Hearing),
    Raw(Receiver),
    /// Somebody else listens, or each message has an answer of its own.
    Elsewhere,
}

impl Publisher {
    /// Opens sessions that only send.
    pub async fn open_all(shared: &Shared) -> Result<Vec<Self>, Failure> {
        let mut publishers = Vec::new();
        for number in 0..shared.plan.publishers {
            let opening = timeout(OPENING, Self::open(shared, number as u32)).await;
            publishers.push(opening.map_err(|_| shared.plan.wanted.took_too_long())??);
        }
        Ok(publishers)
    }

    async fn open(shared: &Shared, number: u32) -> Result<Self, Failure> {
        let wanted = &shared.plan.wanted;
        let (sender, back) = match (&shared.plan.publish_by, shared.plan.traffic) {
            (PublishBy::Outlet(outlet), _) => {
                return Ok(Self { number, outgoing: Outgoing::Poster(outlet.poster()), back: Back::Elsewhere });
            }
            (PublishBy::Session(transport), Traffic::Topic) => {
                let Talk { hearing, sender } = Talk::open(&wanted.target, *transport, &wanted.who).await?;
                (sender, Back::Stomp(hearing))
            }
            (PublishBy::Session(transport), _) => {
                let Link { receiver, sender } = Link::open(&wanted.target, *transport, None).await?;
                (sender, Back::Raw(receiver))
            }
        };
        Ok(Self { number, outgoing: Outgoing::Session(sender), back })
    }

    /// One that sends by a session that listens too.
    pub fn of_listener((number, sender): (u32, Sender)) -> Self {
        Self { number, outgoing: Outgoing::Session(sender), back: Back::Elsewhere }
    }
}

/// When which publisher sends.
#[derive(Clone, Copy)]
pub struct Schedule {
    pub start: Instant,
    pub end: Instant,
    /// Between two messages of all publishers together.
    pub pause: Duration,
    pub publishers: u32,
}

impl Schedule {
    /// When the publisher at this place sends its message of this number; `None` when the time is over.
    fn due(&self, place: u32, number: u64) -> Option<Instant> {
        let before = number as f64 * f64::from(self.publishers) + f64::from(place);
        let due = self.start + self.pause.mul_f64(before);
        (due < self.end).then_some(due)
    }
}

/// Sends until the schedule is over, also where the last message is earlier, or until `enough` says so; answers what ended publishers before.
pub async fn publish(
    shared: &Arc<Shared>,
    publishers: Vec<Publisher>,
    schedule: Schedule,
    enough: &watch::Receiver<bool>,
) -> Reasons {
    let mut tasks = JoinSet::new();
    for (place, publisher) in publishers.into_iter().enumerate() {
        tasks.spawn(publisher.run(shared.clone(), schedule, place as u32, enough.clone()));
    }
    let mut failed = Reasons::default();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => failed.add(&failure),
            Err(broken) => failed.add(&Failure::refused(broken)),
        }
    }
    failed
}

impl Publisher {
    async fn run(
        mut self,
        shared: Arc<Shared>,
        schedule: Schedule,
        place: u32,
        mut enough: watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let Self { number, outgoing, back } = &mut self;
        tokio::select! {
            sent = send_all(&shared, *number, outgoing, schedule, place) => sent?,
            failure = back.failure() => return Err(failure),
            _ = enough.wait_for(|enough| *enough) => {}
        }
        Ok(())
    }
}

async fn send_all(
    shared: &Shared,
    publisher: u32,
    outgoing: &mut Outgoing,
    schedule: Schedule,
    place: u32,
) -> Result<(), Failure> {
    let mut number = 0;
    while let Some(due) = schedule.due(place, number) {
        sleep_until(due).await;
        let sent = shared.nanoseconds(sent_at(due, Instant::now()));
        let text = Stamp { run: shared.run, publisher, number, sent }.encode(shared.plan.size);
        match (&mut *outgoing, shared.plan.traffic) {
            (Outgoing::Poster(poster), _) => poster.send(&text).await?,
            (Outgoing::Session(sender), Traffic::Topic) => {
                sender.send(&send(&shared.plan.wanted.destination, &text)).await?;
            }
            (Outgoing::Session(sender), Traffic::Broadcast | Traffic::Echo) => sender.send(&text).await?,
        }
        shared.published.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    sleep_until(schedule.end).await;
    Ok(())
}

/// When a message counts as sent. A sender whom the server holds up would otherwise hide just those latencies that are
/// worst, because it sends nothing meanwhile.
fn sent_at(due: Instant, now: Instant) -> Instant {
    if now.duration_since(due) > TICK { due } else { now }
}

impl Back {
    /// Takes what comes, which nobody wants, until the session ends.
    async fn failure(&mut self) -> Failure {
        loop {
            let taken = match self {
                Self::Stomp(hearing) => hearing.frame().await.map(drop),
                Self::Raw(receiver) => receiver.next().await.map(drop),
                Self::Elsewhere => std::future::pending().await,
            };
            if let Err(failure) = taken {
                return failure;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_take_turns_at_the_rate_of_all_together() {
        let start = Instant::now();
        let pause = Duration::from_millis(10);
        let schedule = Schedule { start, end: start + Duration::from_millis(35), pause, publishers: 2 };
        let due = |place, number| schedule.due(place, number).map(|due| (due - start).as_millis());
        assert_eq!([due(0, 0), due(1, 0), due(0, 1), due(1, 1)], [Some(0), Some(10), Some(20), Some(30)]);
        assert_eq!(due(0, 2), None);
    }

    #[test]
    fn what_was_held_up_counts_from_when_it_was_due() {
        let due = Instant::now();
        let (soon, late) = (due + Duration::from_millis(1), due + Duration::from_millis(50));
        assert_eq!((sent_at(due, soon), sent_at(due, late)), (soon, due));
    }
}
