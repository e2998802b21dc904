//! Who may come in, what they may do, and how much of it. Knows the model and nothing else; decides, and leaves it to
//! others to act.

mod address;
mod auth;
mod authenticator;
mod authorizer;
mod forwarded;
mod host;
mod jwt;
mod origin;
mod rate;
mod revocation;
mod rules;
#[cfg(test)]
pub(crate) mod testing;
mod ticket;
mod token;

pub use address::{AddressKey, TrustedProxies, UnknownClient};
pub use auth::{AnonymousPolicy, AuthSettings};
pub use authenticator::{Anonymous, AuthError, Authenticator, Credentials, Identity};
pub use authorizer::{Access, Action, Authorizer, Decision};
pub use host::{OwnHosts, host_name, is_loopback_name};
pub use jwt::{JwtAuthenticator, JwtSettings, Minter};
pub use origin::{Origin, OriginError, OriginPolicy, OriginSettings};
pub use rate::{
    ConnectFailures, Excess, RateKeys, RateLimits, RateSettings, ScopeSettings, Sent, SessionRate, Stage, Verdict,
};
pub use revocation::{Revocation, Revocations, RevocationsFull};
pub use rules::{ActionSetting, Claim, Effect, Group, RuleSettings, Rules, User, Who};
pub use ticket::{ShownTicket, Ticket, TicketError, TicketRequest, TicketSettings, Tickets, is_ticket};
pub use token::TokenSettings;
