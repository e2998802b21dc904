//! An ordered table of who may do what, and where.

use super::{Access, Action, Authorizer, Decision};
use crate::model::{Destination, DestinationPattern, Principal, SettingsError, claim_names};
use futures_util::future::BoxFuture;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// One rule as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// Whom it is about.
    pub who: Who,
    /// What they do. Default: any.
    #[serde(default)]
    pub action: ActionSetting,
    /// Where: a destination, in which a segment may be `*`, `{name}` (the caller's own name) or `{claim:tenant}` (the
    /// caller's own claim of that name or path; where it is a list, each of its values), and the last one `**`.
    pub destination: String,
    /// What becomes of it.
    pub effect: Effect,
}

impl RuleSettings {
    /// They may.
    pub fn allow(who: Who, action: ActionSetting, destination: impl Into<String>) -> Self {
        Self { who, action, destination: destination.into(), effect: Effect::Allow }
    }

    /// They may not.
    pub fn deny(who: Who, action: ActionSetting, destination: impl Into<String>) -> Self {
        Self { who, action, destination: destination.into(), effect: Effect::Deny }
    }
}

/// Whom a rule is about: `"anyone"`, `{ user = "ada" }` or `{ claim = "roles", value = "admin" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"anyone\", \"authenticated\", \"anonymous\", { user = \"ada\" } or { claim = \"roles\", value = \"admin\" }"
)]
pub enum Who {
    /// Many at once.
    Group(Group),
    /// One.
    User(User),
    /// Those of whom something is claimed.
    Claim(Claim),
}

impl Who {
    /// Everybody.
    pub const ANYONE: Self = Self::Group(Group::Anyone);
    /// Those who showed who they are.
    pub const AUTHENTICATED: Self = Self::Group(Group::Authenticated);
    /// Those who did not.
    pub const ANONYMOUS: Self = Self::Group(Group::Anonymous);

    /// The one of this name.
    pub fn user(name: impl Into<String>) -> Self {
        Self::User(User { user: name.into() })
    }

    /// Those whose claim is this text, or a list or a text of words that has it. A path with dots reaches into claims:
    /// `realm_access.roles`. Numbers and booleans are compared by their JSON text.
    pub fn claim(claim: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Claim(Claim { claim: claim.into(), value: value.into() })
    }
}

/// Many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Everybody.
    Anyone,
    /// Those who showed who they are.
    Authenticated,
    /// The others.
    Anonymous,
}

/// The one of this name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name.
    pub user: String,
}

/// Those whose claim is this text, or a list or a text of words that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The claim: its name, or a path of names with dots between them.
    pub claim: String,
    /// The text; a number or a boolean is its JSON text.
    #[serde(deserialize_with = "scalar")]
    pub value: String,
}

/// A text, a number or a boolean, as text.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        scalar @ (Value::Bool(_) | Value::Number(_)) => Ok(scalar.to_string()),
        _ => Err(D::Error::custom("expected a text, a number, true or false")),
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionSetting {
    /// Hearing what goes there.
    Subscribe,
    /// Sending there.
    Send,
    /// Either.
    #[default]
    Any,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may be done.
    Allow,
    /// It may not.
    Deny,
}

/// Rules in order; the first that matches decides. What none matches is denied; where there is no rule at all, everything
/// is allowed to everybody who was let in.
///
/// A subscription to a pattern reaches many destinations: an `allow` matches it where the rule covers all of them, a `deny`
/// where it meets any. So nobody who may not hear `/topic/secret` hears it through `/topic/*`.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    who: Who,
    action: ActionSetting,
    destination: Template,
    effect: Effect,
}

impl Rules {
    /// Checks the rules. An error names the first wrong one, counted from 1.
    pub fn new(settings: &[RuleSettings]) -> Result<Self, SettingsError> {
        let rules = settings.iter().enumerate().map(|(at, rule)| {
            Rule::new(rule).map_err(|problem| SettingsError::new("rules", format!("rule {}: {problem}", at + 1)))
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether this may be done.
    pub fn decide(&self, access: Access<'_>) -> Decision {
        let decides = |rule: &&Rule| rule.matches(&access);
        match self.0.iter().find(decides).map(|rule| rule.effect) {
            Some(Effect::Allow) => Decision::Allow,
            None if self.0.is_empty() && !access.is_personal => Decision::Allow,
            Some(Effect::Deny) | None => Decision::Deny,
        }
    }
}

impl Rules {
    /// The claims that rules ask for, each with the rule's number, counted from 1.
    pub fn claims(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().enumerate().flat_map(|(at, rule)| {
            let of_who = if let Who::Claim(Claim { claim, .. }) = &rule.who { Some(claim.as_str()) } else { None };
            of_who.into_iter().chain(rule.destination.claims()).map(move |claim| (at + 1, claim))
        })
    }
}

impl Authorizer for Rules {
    fn authorize<'a>(&'a self, access: Access<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(self.decide(access)))
    }
}

impl Rule {
    fn new(settings: &RuleSettings) -> Result<Self, String> {
        let RuleSettings { who, action, destination, effect } = settings;
        Ok(Self { who: who.clone(), action: *action, destination: Template::new(destination)?, effect: *effect })
    }

    fn matches(&self, access: &Access<'_>) -> bool {
        self.action.includes(access.action)
            && self.who.includes(access.principal)
            && self.destination.of(access).is_some_and(|mine| match self.effect {
                Effect::Allow => mine.covers(access.target),
                Effect::Deny => mine.intersects(access.target),
            })
    }
}

impl ActionSetting {
    fn includes(self, action: Action) -> bool {
        match self {
            Self::Any => true,
            Self::Subscribe => action == Action::Subscribe,
            Self::Send => action == Action::Send,
        }
    }
}

impl Who {
    fn includes(&self, principal: Option<&Principal>) -> bool {
        match self {
            Self::Group(Group::Anyone) => true,
            Self::Group(Group::Authenticated) => principal.is_some(),
            Self::Group(Group::Anonymous) => principal.is_none(),
            Self::User(User { user }) => principal.is_some_and(|principal| principal.name() == user),
            Self::Claim(Claim { claim, value }) => principal.is_some_and(|principal| principal.has(claim, value)),
        }
    }
}

/// A pattern, or one that has to be filled in for each caller.
#[derive(Debug, Clone)]
enum Template {
    Fixed(DestinationPattern),
    Filled(Vec<Segment>),
}

#[derive(Debug, Clone)]
enum Segment {
    Fixed(String),
    Name,
    Claim(String),
}

impl Template {
    fn new(text: &str) -> Result<Self, String> {
        if !text.contains('{') {
            return DestinationPattern::parse(text).map(Self::Fixed).map_err(|error| format!("\"{text}\": {error}"));
        }
        let rest = text.strip_prefix('/').ok_or_else(|| format!("\"{text}\": a destination begins with a slash"))?;
        let segments: Vec<_> = split(rest).into_iter().map(Segment::new).collect();
        let template = Self::Filled(segments);
        // Whatever is wrong with the rest of it is wrong for everybody.
        let sample = template.fill(|_, _| Some("x".into())).unwrap_or_default();
        DestinationPattern::parse(sample).map(|_| template).map_err(|error| format!("\"{text}\": {error}"))
    }

    /// The pattern for this caller, as far as it can be about what is asked for; none where the caller has no such name or
    /// claim, or one that no segment can be.
    fn of(&self, access: &Access<'_>) -> Option<Cow<'_, DestinationPattern>> {
        let Self::Filled(_) = self else { return self.fixed().map(Cow::Borrowed) };
        let principal = access.principal?;
        let text = self.fill(|at, segment| segment.of(principal).find(|value| is_meant(access.target, at, value)))?;
        DestinationPattern::parse(text).ok().map(Cow::Owned)
    }

    fn fixed(&self) -> Option<&DestinationPattern> {
        if let Self::Fixed(pattern) = self { Some(pattern) } else { None }
    }

    /// The claims that callers need who are to be meant.
    fn claims(&self) -> impl Iterator<Item = &str> {
        let segments = if let Self::Filled(segments) = self { segments.as_slice() } else { &[] };
        segments
            .iter()
            .filter_map(|segment| if let Segment::Claim(claim) = segment { Some(claim.as_str()) } else { None })
    }

    fn fill<'a>(&'a self, value: impl Fn(usize, &'a Segment) -> Option<Cow<'a, str>>) -> Option<String> {
        let Self::Filled(segments) = self else { return None };
        segments.iter().enumerate().try_fold(String::new(), |mut text, (at, segment)| {
            text.push('/');
            match segment {
                Segment::Fixed(fixed) => text.push_str(fixed),
                placeholder => text.push_str(&value(at, placeholder)?),
            }
            Some(text)
        })
    }
}

/// What is between slashes; a claim's name may have some of its own.
fn split(text: &str) -> Vec<&str> {
    let mut within = false;
    text.split(|character| {
        within = character == '{' || (within && character != '}');
        character == '/' && !within
    })
    .collect()
}

/// Whether a value can stand at this place of what is asked for. Of a claim with many values only one can be meant by a
/// literal segment; under a wildcard any of them is as good, since a literal covers no wildcard and meets every one.
fn is_meant(target: &DestinationPattern, at: usize, value: &str) -> bool {
    let behind_all = || target.as_str().ends_with("/**").then_some("**");
    let wanted = target.segments().nth(at).or_else(behind_all);
    is_one_segment(value) && wanted.is_some_and(|wanted| matches!(wanted, "*" | "**") || wanted == value)
}

impl Segment {
    fn new(text: &str) -> Self {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some("name") => Self::Name,
            // Any other `{` is refused with the pattern.
            _ => match inner.and_then(|inner| inner.strip_prefix("claim:")).filter(|claim| !claim.is_empty()) {
                Some(claim) => Self::Claim(claim.to_owned()),
                None => Self::Fixed(text.to_owned()),
            },
        }
    }

    /// What it can stand for.
    fn of<'a>(&self, principal: &'a Principal) -> impl Iterator<Item = Cow<'a, str>> {
        let (name, claim) = match self {
            Self::Fixed(_) => (None, None),
            Self::Name => (Some(principal.name().into()), None),
            Self::Claim(claim) => (None, principal.claim(claim)),
        };
        name.into_iter().chain(claim.into_iter().flat_map(claim_names))
    }
}

/// Whether a value of the caller's is one segment, and nothing that means more in a pattern.
fn is_one_segment(value: &str) -> bool {
    Destination::parse(format!("/{value}")).is_ok_and(|destination| destination.segments().count() == 1)
}

#[cfg(test)]
mod tests;
