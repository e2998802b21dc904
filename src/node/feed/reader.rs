//! Reading a feed.

use super::form::Records;
use super::position::Position;
use crate::model::{Disconnect, Message, Publication, SessionId};
use crate::node::stomp::Shared;
use crate::node::{Receiver, now};
use crate::session::{Frame, Outgoing};
use bytes::Bytes;
use bytestring::ByteString;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One reader's feed. Dropping it ends its session, as that of a client that broke off unless it was read to its end.
pub(crate) struct Feed {
    pub(super) receiver: Receiver,
    pub(super) records: Records,
    /// What of the past is still to be read.
    pub(super) late: VecDeque<Late>,
    pub(super) retry: Duration,
    pub(super) opened: bool,
    /// An event of its own says where it begins.
    pub(super) tells_beginning: bool,
    /// How many messages and bytes a poll takes of the past.
    pub(super) page: (usize, usize),
    /// How many more bytes of publications a stream takes.
    pub(super) left: usize,
    /// Something was left out, so nothing behind it may come: the reader comes back to it.
    pub(super) cut: bool,
    /// Dropped before the answer is complete: who has it may ask again at once.
    pub(super) _place: UserPlace,
}

/// A feed's place among its user's sessions. It is free again when this is dropped, which does not wait for the session's
/// driver to come round.
pub(super) struct UserPlace {
    pub(super) shared: Arc<Shared>,
    pub(super) session: SessionId,
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        self.shared.users.disconnected(self.session);
    }
}

/// Something of the past.
pub(super) struct Late {
    pub(super) slot: usize,
    /// Where the reader is behind it.
    pub(super) position: Position,
    pub(super) what: Past,
}

pub(super) enum Past {
    Kept(Arc<Publication>),
    /// So many of this destination or pattern are gone for good, or nobody knows how many.
    Gap(String, Option<u64>),
}

/// What a poll came to.
pub(crate) enum Polled {
    /// These messages, as a JSON list. The next poll begins at `id`.
    Messages { list: String, id: String },
    /// Nothing in the time that it waits.
    Nothing { id: String },
    /// The session ended meanwhile.
    Ended(Disconnect),
}

/// A piece of a stream, and whether it is the last.
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    pub(crate) last: bool,
}

/// How much of the past goes into one piece of a stream.
const PIECE: usize = 16 * 1024;

impl Feed {
    /// The media type of a stream.
    pub(crate) fn content_type(&self) -> &'static str {
        self.records.format.content_type()
    }

    /// Where its reader is, as an event's id.
    pub(crate) fn position(&self) -> String {
        self.records.positions.to_string()
    }

    fn opening(&self) -> String {
        let (format, id) = (self.records.format, self.position());
        let opening = format.opening(&id, self.retry);
        if self.tells_beginning { opening + &format.begin(&id) } else { opening }
    }

    /// The next piece of a stream; `None` when the session was lost.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        if self.opened
            && let Some(bytes) = self.next_of_the_past()
        {
            return Some(self.counted(bytes));
        }
        let format = self.records.format;
        let (bytes, last) = match self.next_frame().await? {
            Frame::Open => {
                self.opened = true;
                (self.opening().into(), false)
            }
            Frame::Heartbeat => (Bytes::from_static(format.heartbeat().as_bytes()), false),
            Frame::Messages(messages) => {
                let bytes = self.messages(&messages);
                return Some(self.counted(bytes));
            }
            Frame::Close(disconnect) => (format.end(&disconnect).into(), true),
        };
        Some(Piece { bytes, last })
    }

    async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            match self.receiver.next().await? {
                Frame::Messages(_) if self.cut => {}
                frame => return Some(frame),
            }
        }
    }

    /// A piece of publications. The one that reaches the limit is the last of them.
    fn counted(&mut self, bytes: Bytes) -> Piece {
        self.left = self.left.saturating_sub(bytes.len());
        if self.left == 0 {
            self.receiver.close_session(Disconnect::STREAM_LIMIT);
            self.cut |= self.records.positions.are_kept();
        }
        Piece { bytes, last: false }
    }

    /// Tells the session that its reader takes nothing.
    pub(crate) fn stall_notice(&self) -> impl Fn() + Send + Sync + 'static {
        self.receiver.stall_notice()
    }

    /// The response ended as it should, and the session with it.
    pub(crate) fn finish(self) {
        self.receiver.finish_session();
    }

    /// Waits for messages.
    pub(crate) async fn poll(mut self, wait: Duration) -> Polled {
        let until = now() + wait;
        let mut messages = self.page_of_the_past();
        while messages.is_empty() {
            match tokio::time::timeout_at(until.into(), self.receiver.next()).await {
                Err(_) => break,
                Ok(None) => return Polled::Ended(Disconnect::INTERRUPTED),
                Ok(Some(Frame::Close(disconnect))) => {
                    self.finish();
                    return Polled::Ended(disconnect);
                }
                Ok(Some(Frame::Messages(live))) => messages = self.live(&live),
                Ok(Some(Frame::Open | Frame::Heartbeat)) => {}
            }
        }
        let id = self.records.positions.to_string();
        self.finish();
        match messages.is_empty() {
            true => Polled::Nothing { id },
            false => Polled::Messages { list: list(&messages), id },
        }
    }

    /// Whoever was sent away gets no more of the past.
    fn forget_if_closed(&mut self) {
        if !self.receiver.is_session_open() {
            self.cut |= !self.late.is_empty();
            self.late.clear();
        }
    }

    fn next_of_the_past(&mut self) -> Option<Bytes> {
        self.forget_if_closed();
        let mut piece = String::new();
        while piece.len() < PIECE.min(self.left)
            && let Some(late) = self.late.pop_front()
        {
            piece.push_str(&self.write_late(&late));
        }
        (!piece.is_empty()).then(|| piece.into())
    }

    fn page_of_the_past(&mut self) -> Vec<String> {
        self.forget_if_closed();
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < self.page.0
            && bytes < self.page.1
            && let Some(late) = self.late.pop_front()
        {
            let message = self.write_late(&late);
            bytes += message.len();
            page.push(message);
        }
        page
    }

    fn write_late(&mut self, late: &Late) -> String {
        let format = self.records.format;
        let content = match &late.what {
            Past::Kept(publication) => format.message(publication),
            Past::Gap(destination, missed) => format.gap(destination, *missed),
        };
        let written = self.records.content(late.slot, late.position, &content);
        if let Past::Kept(_) = late.what {
            self.receiver.handed_out(written.len());
        }
        written
    }

    /// A single message's bytes are shared with all who get the same.
    fn messages(&mut self, messages: &[Arc<Outgoing>]) -> Bytes {
        match messages {
            [message] => self.record(message),
            messages => self.batch(messages).into(),
        }
    }

    /// What gathered while the past was read may be more than the stream still takes.
    fn batch(&mut self, messages: &[Arc<Outgoing>]) -> Vec<u8> {
        let will_come_again = self.records.positions.are_kept();
        let mut batch = Vec::new();
        for message in messages {
            if will_come_again && batch.len() >= self.left {
                break;
            }
            batch.extend_from_slice(&self.record(message));
        }
        batch
    }

    /// What does not fit any more is told by the next poll: only topics with a history are polled.
    fn live(&mut self, messages: &[Arc<Outgoing>]) -> Vec<String> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        for message in messages {
            if bytes >= self.page.1 {
                break;
            }
            let record = ByteString::try_from(self.record(message)).map_or_else(|_| String::new(), String::from);
            bytes += record.len();
            page.push(record);
        }
        page
    }

    fn record(&mut self, message: &Outgoing) -> Bytes {
        match message.message() {
            Message::Text(record) => self.records.write(record),
            // Nobody sends a feed anything else.
            Message::Binary(_) => Bytes::new(),
        }
    }
}

/// A JSON list of lines.
fn list(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    format!("[{}]\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use crate::broker::{BrokerSettings, HistorySettings};
    use crate::model::Transport;
    use crate::node::feed::{Beginning, FeedRequest, FeedSettings};
    use crate::node::{Byway, Settings, Stomp};
    use std::net::Ipv4Addr;

    const TOPIC: &str = "/topic/kept";

    #[tokio::test]
    async fn what_gathers_before_a_stream_is_read_keeps_to_the_stream_s_limit_too() {
        let history = vec![HistorySettings::new(TOPIC.parse().unwrap())];
        let stomp = Stomp::new()
            .broker(BrokerSettings { history, ..BrokerSettings::default() })
            .feeds(FeedSettings { response_limit: Some(1), ..FeedSettings::default() });
        let (byway, messenger) = Byway::stomp(Settings::default(), stomp).unwrap();
        let request = FeedRequest {
            transport: Transport::FeedLines,
            remote: Ipv4Addr::LOCALHOST.into(),
            principal: None,
            token: Ok(None),
            comes_back: false,
            destinations: vec![TOPIC.parse().unwrap()],
            beginning: Beginning::Now,
            tells_beginning: false,
            wait: None,
        };
        let mut feed = byway.0.feeds().unwrap().open(&byway.0, request).await.unwrap();
        (1..=3).for_each(|number| messenger.send(TOPIC, &number).unwrap());
        while byway.sessions()[0].queued().0 < 3 {
            tokio::task::yield_now().await;
        }
        let mut lines = Vec::new();
        while let Some(piece) = feed.next().await {
            lines.extend(String::from_utf8_lossy(&piece.bytes).lines().map(str::to_owned));
            if piece.last {
                break;
            }
        }
        assert_eq!(lines.len(), 3, "the first word, one message, the last word: {lines:?}");
    }
}
