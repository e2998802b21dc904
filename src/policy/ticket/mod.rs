//! Tickets: what a backend fetches for its signed-in user, so that a page comes in without a token in its URL.
//!
//! A ticket is good for a short time and, unless its maker says otherwise, once. An `EventSource` that is cut off comes
//! back by itself to the same URL, with the same ticket: so whoever has used one may show it again, from the same address
//! and saying which event it has seen last, until its session has been over for a while. Who reads the URL elsewhere
//! can do nothing with it.

mod settings;

pub use settings::TicketSettings;

use super::{AddressKey, AuthError, Identity, Revocation};
use crate::model::{Claims, NameError, Principal, Secret};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// What a backend asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRequest {
    /// Whose ticket it is: the unique name of 1 to 256 bytes, without control characters.
    pub user: ByteString,
    /// What is claimed of the user, at most 2 KiB of JSON. `sub` and `iat` are set anew.
    pub claims: Claims,
    /// For how long it is good. Default 30 s, or [`max_time`](TicketSettings::max_time) if that is less.
    pub expires_in: Option<Duration>,
    /// How often it can be used, 1 to 100. Default 1.
    pub uses: u32,
    /// After which time from now sessions end that come in with it. Default: never.
    pub session_expires_in: Option<Duration>,
}

impl TicketRequest {
    /// A ticket for this user, with all else as it is by default.
    pub fn new(user: impl Into<ByteString>) -> Self {
        let (user, claims) = (user.into(), Claims::new());
        Self { user, claims, expires_in: None, uses: 1, session_expires_in: None }
    }
}

/// A ticket that was made. This is the only place where it is as a whole: what is kept is its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The ticket, which begins with `byway_t_`: 256 random bits.
    pub ticket: Secret,
    /// What a revocation of it names ([`Revocation::Token`](super::Revocation)).
    pub id: ByteString,
    /// By when it has to be used.
    pub expires_at: SystemTime,
}

/// Why no ticket was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketError {
    /// Nobody can have the user's name.
    User(NameError),
    /// The claims are larger than 2 KiB.
    Claims,
    /// It should be good for longer than it may, for no time, or its sessions for longer than anybody can count.
    Time(Duration),
    /// It could be used never, or more than 100 times.
    Uses,
    /// As many are remembered as may be.
    Full(usize),
    /// The system has no random numbers.
    Unavailable,
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(error) => error.fmt(f),
            Self::Claims => write!(f, "claims have at most {MAX_CLAIMS_BYTES} bytes of JSON"),
            Self::Time(max) => write!(f, "a ticket is good for 1 to {} seconds", max.as_secs()),
            Self::Uses => write!(f, "a ticket can be used 1 to {MAX_USES} times"),
            Self::Full(limit) => write!(f, "{limit} tickets are remembered already, and no more can be"),
            Self::Unavailable => f.write_str("there are no random numbers at present"),
        }
    }
}

impl std::error::Error for TicketError {}

/// How tickets begin, so that they can be told from tokens, and found where they have leaked.
const PREFIX: &str = "byway_t_";

const MAX_CLAIMS_BYTES: usize = 2 * 1024;
const MAX_USES: u32 = 100;
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// Whether a token is a ticket.
pub fn is_ticket(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Who shows a ticket, and how.
#[derive(Debug, Clone, Copy)]
pub struct ShownTicket<'a> {
    /// The ticket.
    pub ticket: &'a str,
    /// From where.
    pub address: AddressKey,
    /// Whether the client says that it comes back, and to which event.
    pub comes_back: bool,
}

/// The tickets of one endpoint, by their hashes. `is_open` is asked whether a session is open that came in with the ticket of
/// this id.
#[derive(Debug)]
pub struct Tickets {
    settings: TicketSettings,
    kept: Mutex<HashMap<ByteString, Entry>>,
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    expires_at: SystemTime,
    uses_left: u32,
    /// Where it was used from.
    readers: Vec<AddressKey>,
    /// When it was used last, or the last of its sessions ended.
    left_at: SystemTime,
    /// Whether it was taken back: for good, however soon the revocation itself is forgotten.
    is_revoked: bool,
}

impl Tickets {
    /// No tickets yet.
    pub fn new(settings: TicketSettings) -> Self {
        Self { settings, kept: Mutex::default() }
    }

    /// Makes a ticket of these random bytes.
    pub fn issue(
        &self,
        request: TicketRequest,
        random: [u8; 32],
        now: SystemTime,
        is_open: impl Fn(&ByteString) -> bool,
    ) -> Result<Ticket, TicketError> {
        let ticket = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let id = id_of(&ticket);
        let entry = self.entry(request, id.clone(), now)?;
        let expires_at = entry.expires_at;
        let mut kept = self.kept.lock();
        if kept.len() >= self.settings.max_tickets {
            kept.retain(|id, entry| self.is_needed(id, entry, now, &is_open));
        }
        if kept.len() >= self.settings.max_tickets {
            return Err(TicketError::Full(self.settings.max_tickets));
        }
        kept.insert(id.clone(), entry);
        Ok(Ticket { ticket: ticket.into(), id, expires_at })
    }

    fn entry(&self, request: TicketRequest, id: ByteString, now: SystemTime) -> Result<Entry, TicketError> {
        let TicketRequest { user, mut claims, expires_in, uses, session_expires_in } = request;
        let principal = Principal::parse(user.clone()).map_err(TicketError::User)?;
        if !(1..=MAX_USES).contains(&uses) {
            return Err(TicketError::Uses);
        }
        let max = self.settings.max_time;
        let time = expires_in.unwrap_or(DEFAULT_TIME.min(max));
        if time.is_zero() || time > max {
            return Err(TicketError::Time(max));
        }
        claims.insert("sub".to_owned(), (&*user).into());
        claims.insert(
            "iat".to_owned(),
            now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64().into(),
        );
        if serde_json::to_vec(&claims).map_or(0, |json| json.len()) > MAX_CLAIMS_BYTES {
            return Err(TicketError::Claims);
        }
        let end = |time| now.checked_add(time).ok_or(TicketError::Time(max));
        let (principal, expires_at) = (Some(principal.with_claims(claims)), session_expires_in.map(end));
        let identity = Identity { principal, expires_at: expires_at.transpose()?, token_id: Some(id) };
        Ok(Entry {
            identity,
            expires_at: end(time)?,
            uses_left: uses,
            readers: Vec::new(),
            left_at: now,
            is_revoked: false,
        })
    }

    /// Whose ticket it is, if it is good. That uses it, unless its reader comes back.
    pub fn redeem(
        &self,
        shown: ShownTicket<'_>,
        now: SystemTime,
        is_open: impl Fn(&ByteString) -> bool,
    ) -> Result<Identity, AuthError> {
        let id = id_of(shown.ticket);
        let mut kept = self.kept.lock();
        let entry = kept.get_mut(&id).ok_or(AuthError::Ticket)?;
        entry.check(now)?;
        let was_here = shown.comes_back && entry.readers.contains(&shown.address);
        if !(was_here && self.may_come_back(&id, entry, now, is_open)) {
            entry.use_it(shown.address, now)?;
        }
        entry.left_at = now;
        Ok(entry.identity.clone())
    }

    /// Takes tickets back that there are: one by its id, or all of a user's.
    pub fn revoke(&self, what: &Revocation) {
        let mut kept = self.kept.lock();
        match what {
            Revocation::User(name) => {
                kept.values_mut().filter(|entry| entry.is_of(name)).for_each(|entry| entry.is_revoked = true);
            }
            Revocation::Token(id) => {
                kept.get_mut(id).into_iter().for_each(|entry| entry.is_revoked = true);
            }
            Revocation::Session(_) => {}
        }
    }

    /// A session has ended that came in with this token, which may be a ticket.
    pub fn left(&self, token: &ByteString, now: SystemTime) {
        if let Some(entry) = self.kept.lock().get_mut(token) {
            entry.left_at = now;
        }
    }

    /// Forgets what is over; frees the memory.
    pub fn forget_expired(&self, now: SystemTime, is_open: impl Fn(&ByteString) -> bool) {
        let mut kept = self.kept.lock();
        kept.retain(|id, entry| self.is_needed(id, entry, now, &is_open));
        kept.shrink_to_fit();
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.kept.lock().len()
    }

    /// True where none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_needed(
        &self,
        id: &ByteString,
        entry: &Entry,
        now: SystemTime,
        is_open: impl Fn(&ByteString) -> bool,
    ) -> bool {
        entry.is_usable(now) || (!entry.readers.is_empty() && self.may_come_back(id, entry, now, is_open))
    }

    fn may_come_back(
        &self,
        id: &ByteString,
        entry: &Entry,
        now: SystemTime,
        is_open: impl Fn(&ByteString) -> bool,
    ) -> bool {
        let reconnect = self.settings.reconnect_time;
        !reconnect.is_zero() && (entry.left_at.checked_add(reconnect).is_none_or(|end| now < end) || is_open(id))
    }
}

impl Entry {
    fn is_of(&self, name: &str) -> bool {
        self.identity.principal.as_ref().is_some_and(|principal| principal.name() == name)
    }

    /// Refuses what is over for good. That changes nothing: nobody keeps a dead ticket alive by showing it again and again.
    fn check(&self, now: SystemTime) -> Result<(), AuthError> {
        match self.identity.is_expired(now) {
            _ if self.is_revoked => Err(AuthError::Revoked),
            true => Err(AuthError::Expired),
            false => Ok(()),
        }
    }

    fn is_usable(&self, now: SystemTime) -> bool {
        self.uses_left > 0 && now < self.expires_at
    }

    fn use_it(&mut self, address: AddressKey, now: SystemTime) -> Result<(), AuthError> {
        if !self.is_usable(now) {
            return Err(AuthError::Ticket);
        }
        self.uses_left -= 1;
        if !self.readers.contains(&address) {
            self.readers.push(address);
        }
        Ok(())
    }
}

/// What a ticket is known by. 128 bits of its hash, and nothing of the ticket itself.
fn id_of(ticket: &str) -> ByteString {
    let hash = digest(&SHA256, ticket.as_bytes());
    let digits = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("ticket-{}", digits.collect::<String>()).into()
}

#[cfg(test)]
mod tests;
