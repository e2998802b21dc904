//! The endpoint that the page listens to: feeds, and nothing else, for those who show a key of the API.

use super::watch::{self, Watches};
use crate::broker::{BrokerSettings, HistorySettings};
use crate::messaging::{Messages, MessagingSettings, Messenger};
use crate::model::{DestinationPattern, Principal, SettingsError};
use crate::node::{Byway, FeedSettings, LimitSettings, Settings, SockJsSettings, Stomp};
use crate::policy::{Access, Action, AuthError, Authenticator, Authorizer, Credentials, Decision, Identity};
use crate::server::Mounted;
use crate::server::api::{ApiSettings, Keys, Permission, trusted_proxies};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// Where it is.
pub(super) const PATH: &str = "/admin/live";

/// Where numbers are told.
pub(super) const STATS: &str = "/topic/stats";

/// How many may listen at a time: pages that are open, two for each that watches a session.
const MAX_FEEDS: usize = 200;

/// How many numbers a page finds when it opens: five minutes' worth while somebody looks, ten otherwise.
const STATS_KEPT: usize = 300;

pub(super) fn endpoint(
    api: &ApiSettings,
    keys: Keys,
    endpoints: &[Mounted],
    watches: Arc<Watches>,
) -> Result<(Byway, Messenger), SettingsError> {
    let settings = Settings {
        sockjs: SockJsSettings { transports: Vec::new(), ..SockJsSettings::default() },
        limits: LimitSettings { max_sessions: MAX_FEEDS, ..LimitSettings::default() },
        trusted_proxies: trusted_proxies(endpoints),
        ..Settings::default()
    };
    let messages = Messages::new()
        .settings(MessagingSettings { max_sessions_per_user: MAX_FEEDS, ..MessagingSettings::default() })
        .on_event(move |event, messenger| {
            watches.told(event, &messenger);
            std::future::ready(())
        });
    let stomp = Stomp::new()
        .authenticator(ByKey(keys.clone()))
        .authorizer(Allowed(keys))
        .failures_per_minute(api.failures_per_minute)
        .feeds(FeedSettings { max_destinations: 1, retry: Duration::from_secs(1), ..FeedSettings::default() })
        .broker(BrokerSettings { history: histories()?, ..BrokerSettings::default() })
        .messages(messages);
    Byway::stomp(settings, stomp)
}

/// The numbers of the last minutes, for a page that opens; and what was told lately of a session, for a watcher whose feed was
/// cut off.
fn histories() -> Result<Vec<HistorySettings>, SettingsError> {
    Ok(vec![
        history(STATS, STATS_KEPT, 4 << 20, Duration::from_secs(600))?,
        history(watch::ALL, 200, 512 << 10, Duration::from_secs(60))?,
    ])
}

/// The page's own destinations are patterns; if one were not, there would be no page.
fn history(
    pattern: &'static str,
    messages: usize,
    bytes: usize,
    max_age: Duration,
) -> Result<HistorySettings, SettingsError> {
    let pattern = DestinationPattern::parse(pattern);
    let pattern = pattern.map_err(|error| SettingsError::new("api.keys", error.to_string()))?;
    Ok(HistorySettings { pattern, messages, bytes, max_age })
}

/// The principal is the key, by its name.
struct ByKey(Keys);

impl ByKey {
    fn identity(&self, credentials: &Credentials) -> Result<Identity, AuthError> {
        let token = credentials.token.as_ref().ok_or(AuthError::NoToken)?;
        let key = self.0.find(token.expose()).ok_or(AuthError::UnknownKey)?;
        Ok(Identity { principal: Some(Principal::new(key.name.clone())), ..Identity::ANONYMOUS })
    }
}

impl Authenticator for ByKey {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(std::future::ready(self.identity(credentials)))
    }

    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        Box::pin(std::future::ready(self.identity(credentials).ok()))
    }
}

/// Numbers are for those who may open the page. What goes through a session is for those who may watch, one session at
/// a time, which the log tells.
struct Allowed(Keys);

impl Allowed {
    fn allow(&self, access: Access<'_>) -> bool {
        let Some(name) = access.principal.map(Principal::name) else { return false };
        let needed = match access.target.as_str() {
            STATS => Permission::Admin,
            target if watch::is_one(target) => Permission::Watch,
            _ => return false,
        };
        access.action == Action::Subscribe && self.0.allow(name, needed)
    }
}

impl Authorizer for Allowed {
    fn authorize<'a>(&'a self, access: Access<'a>) -> BoxFuture<'a, Decision> {
        let decision = if self.allow(access) { Decision::Allow } else { Decision::Deny };
        Box::pin(std::future::ready(decision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::showing;
    use crate::server::{ApiKeySettings, KeyHash};

    #[tokio::test]
    async fn a_good_key_is_recognized_where_wrong_ones_were_shown_too_often() {
        let key = ApiKeySettings { name: "operator".into(), hash: KeyHash::of("good"), allow: Vec::new() };
        let by_key = ByKey(Keys::new(&ApiSettings { keys: vec![key], ..ApiSettings::default() }));
        let identity = by_key.recognize(&showing(Some("good"), None)).await.expect("it is the key");
        assert_eq!(identity.principal, Some(Principal::new("operator")));
        for wrong in [Some("wrong"), None] {
            assert!(by_key.recognize(&showing(wrong, None)).await.is_none());
        }
    }
}
