//! What applications do with messages, without sessions and sockets: the outlet of these tests remembers what it is told.

mod stage;

mod addresses;
mod events;
mod extractors;
mod interceptors;
mod publishing;
mod replies;
mod users;
