//! Who holds what of the broker's room: users, addresses, and the application.

use super::Broker;
use crate::broker::{Account, BrokerSettings, Shares};
use crate::model::Principal;
use crate::node::cell::Cell;
use crate::policy::AddressKey;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The accounts of one broker. One is there while a session or something that it holds is.
pub(super) struct Accounts {
    pub(super) shares: Arc<Shares>,
    application: Arc<Account>,
    anonymous: Arc<Account>,
    known: Mutex<HashMap<Holder, Arc<Account>>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Holder {
    User(ByteString),
    Address(AddressKey),
}

impl Accounts {
    pub(super) fn new(settings: &BrokerSettings) -> Self {
        let shares = Shares::new(settings);
        let application = shares.application();
        let anonymous = shares.anonymous(&application);
        Self { shares, application, anonymous, known: Mutex::default() }
    }

    pub(super) fn application(&self) -> &Arc<Account> {
        &self.application
    }

    /// A user's, or an address' where there is none.
    fn of(&self, principal: Option<&Principal>, remote: IpAddr) -> Arc<Account> {
        let mut known = self.known.lock();
        let account = match principal {
            Some(user) => {
                known.entry(Holder::User(user.as_text().clone())).or_insert_with(|| self.shares.user(&self.application))
            }
            None => known.entry(Holder::Address(remote.into())).or_insert_with(|| self.shares.address(&self.anonymous)),
        };
        Arc::clone(account)
    }

    /// Forgets those who are gone and hold nothing.
    pub(super) fn tidy(&self) {
        let mut known = self.known.lock();
        known.retain(|_, account| Arc::strong_count(account) > 1);
        known.shrink_to_fit();
    }
}

impl Broker {
    /// Says who a session is. Without, it is whom its request was of.
    pub(in crate::node) fn open_account(&self, cell: &Cell, principal: Option<&Principal>) {
        cell.account.get_or_init(|| self.accounts.of(principal, cell.who.remote));
    }

    /// Who holds what comes of a session.
    pub(in crate::node) fn account<'a>(&self, cell: &'a Cell) -> &'a Arc<Account> {
        cell.account.get_or_init(|| self.accounts.of(cell.who.principal.as_ref(), cell.who.remote))
    }

    /// The application, which may hold everything.
    pub(in crate::node) fn application(&self) -> &Arc<Account> {
        self.accounts.application()
    }

    /// How often a client could hold no more because of its share.
    pub(in crate::node) fn share_hits(&self) -> u64 {
        self.accounts.shares.hits()
    }
}
