//! Any bytes in any cuts.

#![no_main]

// The sources themselves, and not the crate: they need next to nothing, so that building them for the fuzzer takes seconds.
#[allow(dead_code, unused_imports)]
#[path = "../../../src/model/mod.rs"]
mod model;
#[allow(dead_code, unused_imports)]
#[path = "../../../src/protocol/stomp/mod.rs"]
mod stomp;

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::stomp_decoder(data));
