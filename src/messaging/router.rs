//! Which handler a destination has: the most specific of those that match, whatever their order.

use super::request::Params;
use crate::model::{Destination, DestinationError, DestinationPattern};
use bytestring::ByteString;
use std::collections::HashMap;
use std::fmt;

/// Why a route cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// It is no pattern of destinations.
    Malformed(DestinationError),
    /// A variable's name is not of letters, digits and `_`. What stands between the braces.
    VariableName(String),
    /// Two variables have this name.
    VariableTwice(String),
    /// Another route matches the same destinations. Which one.
    Duplicate(String),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(DestinationError::Forbidden('{' | '}')) => {
                f.write_str("braces stand around a whole segment, as in /chat/{room}")
            }
            Self::Malformed(error) => error.fmt(f),
            Self::VariableName(name) => {
                write!(f, "{name:?} is no name for a variable; expected letters, digits and _")
            }
            Self::VariableTwice(name) => write!(f, "two variables have the name {name}"),
            Self::Duplicate(other) => write!(f, "it matches what {other} matches"),
        }
    }
}

impl std::error::Error for RouteError {}

/// A pattern in which a segment may be `{name}`, which is any one whose value is kept. `*` and `**` are those of
/// [`DestinationPattern`].
#[derive(Debug, Clone)]
struct Route {
    text: String,
    /// The same with `*` for variables: two routes with one shape match the same.
    shape: DestinationPattern,
    /// Which segments are variables, and their names.
    variables: Vec<(usize, ByteString)>,
}

impl Route {
    fn parse(text: &str) -> Result<Self, RouteError> {
        let mut variables: Vec<(usize, ByteString)> = Vec::new();
        let mut shape = String::with_capacity(text.len());
        for (at, segment) in text.split('/').enumerate() {
            shape.push_str(if at == 0 { "" } else { "/" });
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                shape.push_str(segment);
                continue;
            };
            check_name(name, &variables)?;
            shape.push('*');
            // Before the first slash there is an empty segment, or the pattern is refused.
            variables.push((at.saturating_sub(1), name.into()));
        }
        let shape = DestinationPattern::parse(shape).map_err(RouteError::Malformed)?;
        Ok(Self { text: text.to_owned(), shape, variables })
    }

    fn params(&self, path: &Destination) -> Params {
        let mut segments = path.segments().enumerate();
        let value = |wanted: usize| segments.find(|(at, _)| *at == wanted).map(|(_, segment)| segment);
        let mut values = self.variables.iter().map(|(at, _)| *at).filter_map(value);
        let names = self.variables.iter().map(|(_, name)| name.clone());
        names.map_while(|name| Some((name, path.as_text().slice_ref(values.next()?)))).collect()
    }
}

fn check_name(name: &str, others: &[(usize, ByteString)]) -> Result<(), RouteError> {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(RouteError::VariableName(name.to_owned()));
    }
    match others.iter().any(|(_, other)| other == name) {
        true => Err(RouteError::VariableTwice(name.to_owned())),
        false => Ok(()),
    }
}

/// Routes with what they lead to.
///
/// From left to right, a segment's own text is more specific than a variable or `*`, and those more than `**`. So of all
/// routes that match, one is the most specific; two that match the same are refused.
#[derive(Debug)]
pub(super) struct Router<T> {
    root: Node,
    routes: Vec<(Route, T)>,
}

/// Routes that have the same beginning. Each is a place in [`Router::routes`].
#[derive(Debug, Default)]
struct Node {
    literal: HashMap<String, Node>,
    any: Option<Box<Node>>,
    rest: Option<usize>,
    end: Option<usize>,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { root: Node::default(), routes: Vec::new() }
    }
}

impl<T> Router<T> {
    /// Adds a route.
    pub fn insert(&mut self, route: &str, value: T) -> Result<(), RouteError> {
        let route = Route::parse(route)?;
        let place = self.root.place(&route.shape);
        if let Some(other) = *place {
            return Err(RouteError::Duplicate(self.routes[other].0.text.clone()));
        }
        *place = Some(self.routes.len());
        self.routes.push((route, value));
        Ok(())
    }

    /// The most specific route for `path`: what it leads to, and the values of its variables.
    pub fn find(&self, path: &Destination) -> Option<(&T, Params)> {
        let rest = path.as_str().strip_prefix('/');
        let (route, value) = &self.routes[self.root.find(rest)?];
        Some((value, route.params(path)))
    }
}

impl Node {
    /// Where the route of this shape is, or is to be.
    fn place(&mut self, shape: &DestinationPattern) -> &mut Option<usize> {
        let mut node = self;
        for segment in shape.segments() {
            node = match segment {
                "**" => return &mut node.rest,
                "*" => node.any.get_or_insert_default(),
                segment => node.literal.entry(segment.to_owned()).or_default(),
            };
        }
        &mut node.end
    }

    /// The route for what is left of a path; `None` is nothing left. No node is looked at twice, so a search never takes
    /// more steps than there are nodes.
    fn find(&self, left: Option<&str>) -> Option<usize> {
        let Some(left) = left else { return self.end.or(self.rest) };
        let (segment, left) = left.split_once('/').map_or((left, None), |(segment, left)| (segment, Some(left)));
        let literal = self.literal.get(segment).and_then(|node| node.find(left));
        literal.or_else(|| self.any.as_ref()?.find(left)).or(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn router(routes: &[&str]) -> Router<String> {
        let mut router = Router::default();
        for route in routes {
            router.insert(route, (*route).to_owned()).unwrap();
        }
        router
    }

    fn destination(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    fn found<'a>(router: &'a Router<String>, path: &str) -> Option<&'a str> {
        router.find(&destination(path)).map(|(route, _)| &**route)
    }

    #[test]
    fn the_most_specific_route_wins_in_any_order() {
        let mut routes = ["/**", "/chat/**", "/chat/{room}", "/chat/blue", "/{any}/blue", "/chat/{room}/log", "/chat"];
        for _ in 0..2 {
            let router = router(&routes);
            for (path, route) in [
                ("/chat/blue", "/chat/blue"),
                ("/chat/red", "/chat/{room}"),
                ("/x/blue", "/{any}/blue"),
                ("/chat/red/log", "/chat/{room}/log"),
                ("/chat/red/x", "/chat/**"),
                ("/chat", "/chat"),
                ("/x", "/**"),
            ] {
                assert_eq!(found(&router, path), Some(route), "{path}");
            }
            routes.reverse();
        }
    }

    #[test]
    fn a_search_that_ends_nowhere_tries_the_less_specific() {
        assert_eq!(found(&router(&["/a/b/c", "/{x}/b/d"]), "/a/b/d"), Some("/{x}/b/d"));
        assert_eq!(found(&router(&["/a/b/c", "/a/**"]), "/a/b"), Some("/a/**"));
        assert_eq!(found(&router(&["/a/b"]), "/a"), None);
        assert_eq!(found(&router(&["/a/**"]), "/a"), Some("/a/**"));
    }

    #[test]
    fn variables_have_the_values_of_their_segments() {
        let router = router(&["/a/{x}/*/{y}/**"]);
        let (_, params) = router.find(&destination("/a/1/2/3/4/5")).unwrap();
        let params: Vec<_> = params.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(params, [("x", "1"), ("y", "3")]);
    }

    #[test]
    fn a_route_that_cannot_be_says_why() {
        let mut router = router(&["/chat/{room}"]);
        for (route, problem) in [
            ("/chat/{name}", "it matches what /chat/{room} matches"),
            ("/chat/*", "it matches what /chat/{room} matches"),
            ("/{a}/{a}", "two variables have the name a"),
            ("/{}", "\"\" is no name for a variable; expected letters, digits and _"),
            ("/{id:[0-9]+}", "\"id:[0-9]+\" is no name for a variable; expected letters, digits and _"),
            ("/a{b}", "braces stand around a whole segment, as in /chat/{room}"),
            ("chat", "a destination begins with a slash"),
            ("{chat}", "a destination begins with a slash"),
            ("/**/x", "* stands for a whole segment, and ** for the last ones"),
            ("/chat/", "a destination has no empty segment and no slash at its end"),
        ] {
            let error = router.insert(route, String::new()).unwrap_err();
            assert_eq!(error.to_string(), problem, "{route}");
        }
        assert_eq!(router.routes.len(), 1);
    }

    /// How specific a route's segments are, from left to right; an end is more specific than `**`.
    fn rank(route: &str) -> Vec<u8> {
        let rank = |segment: &str| match segment {
            "**" => 3,
            segment if segment.starts_with(['*', '{']) => 2,
            _ => 1,
        };
        route.split('/').skip(1).map(rank).chain([0]).collect()
    }

    fn segments(of: &'static str) -> impl Strategy<Value = String> {
        let segments = proptest::collection::vec(proptest::sample::select(of.split(' ').collect::<Vec<_>>()), 1..5);
        segments.prop_map(|segments| format!("/{}", segments.join("/")))
    }

    proptest! {
        #[test]
        fn the_router_finds_what_trying_every_route_finds(
            routes in proptest::collection::vec(segments("a b * {x}"), 0..12),
            open in proptest::collection::vec(segments("a b *"), 0..4),
            path in segments("a b c"),
        ) {
            let mut router = Router::default();
            let mut kept: Vec<(String, DestinationPattern)> = Vec::new();
            for route in routes.into_iter().chain(open.into_iter().map(|route| format!("{route}/**"))) {
                if router.insert(&route, route.clone()).is_ok() {
                    kept.push((route.clone(), Route::parse(&route).unwrap().shape));
                }
            }
            let path = destination(&path);
            let naive = kept.iter().filter(|(_, shape)| shape.matches(&path)).min_by_key(|(route, _)| rank(route));
            let found = router.find(&path).map(|(route, _)| route);
            prop_assert_eq!(found, naive.map(|(route, _)| route));
        }
    }
}
