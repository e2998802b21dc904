//! The admin page's files, keys and feeds over real sockets. What it looks like is tested in a browser (`tests/clients`).

#[path = "../support/mod.rs"]
mod support;

mod live;
mod page;
mod stage;
mod watching;
