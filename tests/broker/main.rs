//! The broker's state machines: random lives under virtual time against simple models, and their limits at the edge.

mod directory;
mod history;
mod presence;
mod queue;
mod queue_model;
mod settings;

use byway::{Destination, DestinationPattern, Publication};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The moment at which every test begins, and from which all others are counted.
fn at(millis: u64) -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now) + Duration::from_millis(millis)
}

fn destination(text: &str) -> Destination {
    Destination::parse(text.to_owned()).unwrap()
}

fn pattern(text: &str) -> DestinationPattern {
    DestinationPattern::parse(text.to_owned()).unwrap()
}

/// A publication at `/queue/a` that takes `size` bytes of a limit, and says its number.
fn sized(number: usize, size: usize) -> Arc<Publication> {
    let body = format!("{number:0width$}", width = size - "/queue/a".len());
    let publication = Publication::new(destination("/queue/a"), body);
    assert_eq!(publication.size(), size, "the number has too many digits for the size");
    Arc::new(publication)
}

/// What [`sized`] numbered it.
fn number(publication: &Publication) -> usize {
    publication.body.as_str().unwrap().parse().unwrap()
}
