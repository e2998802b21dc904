//! Who may come in. Knows the model and nothing else; decides, and leaves it to others to act.

mod address;
mod origin;

pub use address::{AddressKey, TrustedProxies};
pub use origin::{Origin, OriginError, OriginPolicy, OriginSettings};
