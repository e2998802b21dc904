//! What clients of one address have here that show no account: sessions, and bytes of what they have not ended yet.
//!
//! An address is an IPv4 address or an IPv6 network of 64 bits. Whoever has shown an account is counted by it
//! (`messaging.max_sessions_per_user`) and no longer here.

use super::registry::OpenError;
use super::settings::LimitSettings;
use crate::policy::{AddressKey, TrustedProxies};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// All addresses that have something here.
pub(crate) struct Addresses {
    limits: Limits,
    /// Who speaks for many is never at a limit.
    exempt: TrustedProxies,
    known: Mutex<HashMap<AddressKey, Arc<Share>>>,
}

struct Limits {
    sessions: usize,
    unconnected: usize,
    pieces: usize,
}

/// What one address has. It is forgotten when nobody has a part of it any more.
struct Share {
    addresses: Weak<Addresses>,
    key: AddressKey,
    sessions: AtomicUsize,
    /// Those of them that have not said CONNECT.
    unconnected: AtomicUsize,
    pieces: AtomicUsize,
}

/// An address that holds more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressFull;

/// Bytes are counted in pieces of this size: what is smaller is part of the connection or session that holds it, and costs
/// no look at what others share.
const PIECE: usize = 4096;

/// A part of an address's share; of nobody's where its client has an account, or speaks for many.
struct Part(Option<Arc<Share>>);

/// Bytes that a request holds for an address, until this is dropped.
pub(crate) struct Held {
    part: Part,
    pieces: usize,
}

/// A session's place among those of its address.
pub(crate) struct Tenant {
    part: Part,
    counted: Mutex<Counted>,
}

/// What of a session its address is charged for.
struct Counted {
    pieces: u32,
    is_unconnected: bool,
    is_session: bool,
    /// Once an account answers for it, or it is gone, nothing more is counted.
    is_open: bool,
}

impl Addresses {
    pub(super) fn new(limits: &LimitSettings, exempt: TrustedProxies) -> Arc<Self> {
        let limits = Limits {
            sessions: limits.max_sessions_per_address,
            unconnected: limits.max_unconnected_per_address,
            pieces: limits.max_held_bytes_per_address.div_ceil(PIECE),
        };
        Arc::new(Self { limits, exempt, known: Mutex::default() })
    }

    /// A session whose client has an account already.
    pub(super) fn known_user() -> Tenant {
        let counted = Counted { pieces: 0, is_unconnected: false, is_session: false, is_open: false };
        Tenant { part: Part(None), counted: Mutex::new(counted) }
    }

    /// Lets in a session of somebody who has shown no account; `unconnected` where CONNECT is still to come.
    pub(super) fn admit(self: &Arc<Self>, remote: IpAddr, unconnected: bool) -> Result<Tenant, OpenError> {
        let part = self.part(remote);
        if let Some(share) = &part.0 {
            share.enter(unconnected, &self.limits)?;
        }
        let counted = Counted { pieces: 0, is_unconnected: unconnected, is_session: true, is_open: true };
        Ok(Tenant { part, counted: Mutex::new(counted) })
    }

    /// Nothing yet, for this address.
    pub(crate) fn hold(self: &Arc<Self>, remote: IpAddr) -> Held {
        Held { part: self.part(remote), pieces: 0 }
    }

    fn part(self: &Arc<Self>, remote: IpAddr) -> Part {
        if self.exempt.contains(remote) {
            return Part(None);
        }
        let key = AddressKey::from(remote);
        let mut known = self.known.lock();
        Part(Some(Arc::clone(known.entry(key).or_insert_with(|| Arc::new(Share::new(self, key))))))
    }

    fn forget(&self, share: &Arc<Share>) {
        let mut known = self.known.lock();
        // Parts are given out under this lock alone, so one that only the table and the caller have stays nobody's.
        if Arc::strong_count(share) == 2 {
            known.remove(&share.key);
            if known.capacity() > 1024 && known.len() < known.capacity() / 8 {
                known.shrink_to_fit();
            }
        }
    }
}

impl Share {
    fn new(addresses: &Arc<Addresses>, key: AddressKey) -> Self {
        let (sessions, unconnected, pieces) = Default::default();
        Self { addresses: Arc::downgrade(addresses), key, sessions, unconnected, pieces }
    }

    fn enter(&self, unconnected: bool, limits: &Limits) -> Result<(), OpenError> {
        if unconnected && !add(&self.unconnected, 1, limits.unconnected) {
            return Err(OpenError::AddressFull);
        }
        if add(&self.sessions, 1, limits.sessions) {
            return Ok(());
        }
        self.unconnected.fetch_sub(usize::from(unconnected), Ordering::Relaxed);
        Err(OpenError::AddressFull)
    }

    /// Counts `now` pieces in the place of those `before`.
    fn exchange(&self, before: usize, now: usize) -> Result<(), AddressFull> {
        if now <= before {
            self.pieces.fetch_sub(before - now, Ordering::Relaxed);
            return Ok(());
        }
        let limit = self.addresses.upgrade().map_or(0, |addresses| addresses.limits.pieces);
        add(&self.pieces, now - before, limit).then_some(()).ok_or(AddressFull)
    }
}

/// Adds some, or says that they would be too many.
fn add(count: &AtomicUsize, more: usize, limit: usize) -> bool {
    let fits = count.fetch_add(more, Ordering::Relaxed).saturating_add(more) <= limit;
    if !fits {
        count.fetch_sub(more, Ordering::Relaxed);
    }
    fits
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(share) = &self.0
            && let Some(addresses) = share.addresses.upgrade()
        {
            addresses.forget(share);
        }
    }
}

impl Held {
    pub(crate) fn nobody_s() -> Self {
        Self { part: Part(None), pieces: 0 }
    }

    /// So many bytes are held now. What is over the limit is not counted, and has to be let go of.
    pub(crate) fn change(&mut self, bytes: usize) -> Result<(), AddressFull> {
        let pieces = bytes / PIECE;
        if let Some(share) = &self.part.0 {
            share.exchange(self.pieces, pieces)?;
            self.pieces = pieces;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.change(0).ok();
    }
}

impl Tenant {
    /// One of those who hold something for the session holds so many bytes now; `before` is what was counted of it, and is
    /// set. What is over the limit is not counted, and has to be let go of.
    pub(super) fn holds(&self, before: &mut u32, bytes: usize) -> Result<(), AddressFull> {
        let (Some(share), Ok(pieces)) = (&self.part.0, u32::try_from(bytes / PIECE)) else { return Ok(()) };
        if pieces == *before {
            return Ok(());
        }
        let mut counted = self.counted.lock();
        if counted.is_open {
            share.exchange(*before as usize, pieces as usize)?;
            (counted.pieces, *before) = (counted.pieces - *before + pieces, pieces);
        }
        Ok(())
    }

    /// The client has said CONNECT and was let in; with an account, the session is none of its address's any more.
    pub(super) fn connected(&self, has_account: bool) {
        let mut counted = self.counted.lock();
        let unconnected = std::mem::take(&mut counted.is_unconnected);
        let (mut pieces, mut is_session) = (0, false);
        if has_account {
            counted.is_open = false;
            pieces = std::mem::take(&mut counted.pieces);
            is_session = std::mem::take(&mut counted.is_session);
        }
        if let Some(share) = &self.part.0 {
            share.unconnected.fetch_sub(unconnected.into(), Ordering::Relaxed);
            share.pieces.fetch_sub(pieces as usize, Ordering::Relaxed);
            share.sessions.fetch_sub(is_session.into(), Ordering::Relaxed);
        }
    }

    /// The session is gone, however long somebody still has its handle.
    pub(super) fn left(&self) {
        self.connected(true);
    }

    /// Whether an account answers for it.
    pub(super) fn has_account(&self) -> bool {
        !self.counted.lock().is_session
    }
}

/// A session that was let in and never opened.
impl Drop for Tenant {
    fn drop(&mut self) {
        self.left();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.1";

    fn addresses(sessions: usize, unconnected: usize, bytes: usize) -> Arc<Addresses> {
        let limits = LimitSettings {
            max_sessions_per_address: sessions,
            max_unconnected_per_address: unconnected,
            max_held_bytes_per_address: bytes,
            ..LimitSettings::default()
        };
        Addresses::new(&limits, TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]))
    }

    fn admit(addresses: &Arc<Addresses>, remote: &str, unconnected: bool) -> Option<Tenant> {
        addresses.admit(remote.parse().unwrap(), unconnected).ok()
    }

    #[test]
    fn an_address_has_so_many_sessions_and_another_its_own() {
        let addresses = addresses(2, 2, 0);
        let first = admit(&addresses, HOME, false);
        let second = admit(&addresses, HOME, true);
        assert!(first.is_some() && second.is_some() && admit(&addresses, HOME, true).is_none());
        assert!(admit(&addresses, "192.0.2.2", true).is_some());
        drop(first);
        assert!(admit(&addresses, HOME, true).is_some());
    }

    #[test]
    fn a_network_of_64_bits_is_one_address_and_a_trusted_proxy_is_none() {
        let addresses = addresses(1, 1, 0);
        let one = admit(&addresses, "2001:db8:0:1::1", false);
        assert!(one.is_some() && admit(&addresses, "2001:db8:0:1:ffff::2", false).is_none());
        assert!((0..10).map(|_| admit(&addresses, "10.0.0.1", true)).all(|tenant| tenant.is_some()));
    }

    #[test]
    fn before_connect_there_are_fewer_and_whoever_has_an_account_is_counted_no_longer() {
        let addresses = addresses(3, 1, 0);
        let first = admit(&addresses, HOME, true).unwrap();
        assert!(admit(&addresses, HOME, true).is_none());
        first.connected(false);
        let second = admit(&addresses, HOME, true).unwrap();
        second.connected(false);
        let third = admit(&addresses, HOME, true).unwrap();
        assert!(admit(&addresses, HOME, false).is_none());
        third.connected(true);
        assert!(third.has_account() && admit(&addresses, HOME, true).is_some());
        drop((first, second, third));
        assert!(addresses.known.lock().is_empty(), "nothing is left of an address that has nothing");
    }

    #[test]
    fn bytes_are_counted_in_pieces_by_all_of_an_address_together_and_given_back() {
        let addresses = addresses(9, 9, 4 * PIECE);
        let (one, mut two) = (admit(&addresses, HOME, false).unwrap(), addresses.hold(HOME.parse().unwrap()));
        let mut of_one = 0;
        assert_eq!(one.holds(&mut of_one, PIECE - 1), Ok(()));
        assert_eq!(two.change(4 * PIECE + 1), Ok(()));
        assert_eq!((of_one, two.pieces), (0, 4));
        assert_eq!(one.holds(&mut of_one, PIECE), Err(AddressFull));
        assert_eq!(two.change(PIECE), Ok(()));
        assert_eq!(one.holds(&mut of_one, 3 * PIECE), Ok(()));
        drop(two);
        assert_eq!(one.holds(&mut of_one, 4 * PIECE), Ok(()));
        one.connected(true);
        assert_eq!(one.holds(&mut of_one, 400 * PIECE), Ok(()), "an account answers for it");
        drop(one);
        assert!(addresses.known.lock().is_empty());
    }
}
