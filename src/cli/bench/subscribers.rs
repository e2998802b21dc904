//! Sessions that listen.

use super::payload::Stamp;
use super::shared::{Reasons, Shared};
use super::track::{Arrival, Tally};
use crate::cli::arguments::Traffic;
use crate::cli::client::{Failure, Heard, Sender, Subscription};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// All sessions that were asked for, each open or failed.
pub struct Subscribers {
    tasks: JoinSet<Heards>,
    over: watch::Sender<bool>,
    /// What those that are open send by, where they are those that send.
    pub senders: Vec<(u32, Sender)>,
    pub opened: Opened,
}

/// How opening went.
#[derive(Debug, Default)]
pub struct Opened {
    pub asked: usize,
    pub connected: usize,
    /// Open, though the server has not said that the subscription is there.
    pub unconfirmed: usize,
    pub failed: Reasons,
}

/// What a session has heard, and what ended it if something did.
struct Heards {
    tally: Tally,
    ended: Option<Failure>,
}

/// What a session says once: its number, whether its subscription is confirmed, and what it sends by if it does.
type Answer = Result<(u32, bool, Option<Sender>), Failure>;

impl Subscribers {
    /// Opens so many in a second, until all have tried or `enough` says so.
    pub async fn open(shared: &Arc<Shared>, mut enough: watch::Receiver<bool>) -> Self {
        let (over, is_over) = watch::channel(false);
        let (opened, mut answers) = mpsc::unbounded_channel();
        let asked = shared.plan.subscribers;
        let mut all =
            Self { tasks: JoinSet::new(), over, senders: Vec::new(), opened: Opened { asked, ..Opened::default() } };
        let start = Instant::now();
        for number in 0..asked {
            let begin = start + Duration::from_secs_f64(number as f64 / shared.plan.ramp);
            let listener = Listener { shared: shared.clone(), number: number as u32, tally: Tally::default() };
            all.tasks.spawn(listener.run(begin, opened.clone(), is_over.clone()));
        }
        drop(opened);
        for _ in 0..asked {
            tokio::select! {
                Some(answer) = answers.recv() => all.count(answer),
                _ = enough.wait_for(|enough| *enough) => break,
            }
        }
        all
    }

    fn count(&mut self, answer: Answer) {
        match answer {
            Ok((number, is_confirmed, sender)) => {
                self.opened.connected += 1;
                self.opened.unconfirmed += usize::from(!is_confirmed);
                self.senders.extend(sender.map(|sender| (number, sender)));
            }
            Err(failure) => self.opened.failed.add(&failure),
        }
    }

    /// Ends all sessions; how they were opened, what they have heard together, and what had ended some before.
    pub async fn close(mut self) -> (Opened, Tally, Reasons) {
        self.over.send_replace(true);
        let (mut sum, mut ended) = (Tally::default(), Reasons::default());
        while let Some(joined) = self.tasks.join_next().await {
            match joined {
                Ok(heards) => {
                    sum.add(&heards.tally);
                    heards.ended.iter().for_each(|failure| ended.add(failure));
                }
                Err(broken) => ended.add(&Failure::refused(broken)),
            }
        }
        (self.opened, sum, ended)
    }
}

/// One session.
struct Listener {
    shared: Arc<Shared>,
    number: u32,
    tally: Tally,
}

impl Listener {
    async fn run(
        mut self,
        begin: Instant,
        opened: mpsc::UnboundedSender<Answer>,
        mut over: watch::Receiver<bool>,
    ) -> Heards {
        let ended = tokio::select! {
            ended = self.listen(begin, opened) => ended,
            _ = over.wait_for(|over| *over) => None,
        };
        Heards { tally: self.tally, ended }
    }

    /// Opens the session and takes all that comes; answers what ended it.
    async fn listen(&mut self, begin: Instant, opened: mpsc::UnboundedSender<Answer>) -> Option<Failure> {
        sleep_until(begin).await;
        let mut subscription = match self.open().await {
            Ok((subscription, sender)) => {
                opened.send(Ok((self.number, subscription.is_confirmed, sender))).ok();
                subscription
            }
            Err(failure) => {
                opened.send(Err(failure)).ok();
                return None;
            }
        };
        drop(opened);
        loop {
            match subscription.next().await {
                Ok(heard) => self.take(&heard),
                Err(failure) => return Some(failure),
            }
        }
    }

    async fn open(&self) -> Result<(Subscription, Option<Sender>), Failure> {
        let _leave = self.shared.openings.acquire().await.map_err(Failure::refused)?;
        let wanted = &self.shared.plan.wanted;
        match self.shared.plan.traffic {
            Traffic::Echo => Subscription::raw(wanted).await.map(|(subscription, sender)| (subscription, Some(sender))),
            Traffic::Topic | Traffic::Broadcast => Ok((Subscription::open(wanted).await?, None)),
        }
    }

    fn take(&mut self, heard: &Heard) {
        let now = self.shared.now();
        // What a gap says is missing is missing in the numbers too.
        let Heard::Message(message) = heard else { return };
        let stamp = Stamp::find(&message.body).filter(|stamp| self.is_expected(stamp));
        let Some(stamp) = stamp else {
            self.tally.foreign += 1;
            return;
        };
        if self.tally.arrived(stamp.publisher, stamp.number) != Arrival::Again {
            self.shared.delivered.fetch_add(1, Ordering::Relaxed);
            if stamp.sent >= self.shared.measured_from.load(Ordering::Relaxed) {
                self.shared.latency.record(now.saturating_sub(stamp.sent));
            }
        }
    }

    /// Whether somebody of this run can have sent it to this session.
    fn is_expected(&self, stamp: &Stamp) -> bool {
        let plan = &self.shared.plan;
        let is_sender = match plan.traffic {
            Traffic::Echo => stamp.publisher == self.number,
            Traffic::Topic | Traffic::Broadcast => (stamp.publisher as usize) < plan.publishers,
        };
        stamp.run == self.shared.run && is_sender && stamp.number < plan.messages()
    }
}
