//! Bad input and attacks, over real sockets. Each test carries the row of the attack matrix that it stands for
//! (docs/security.md), and ends with the rule that all rows share: the server lives, nothing panicked, and a client that
//! does nothing wrong is served as before.

mod support;

mod attacks {
    mod alone;
    mod broker;
    mod docs;
    mod http;
    mod socket;
    mod target;

    mod h_connections;
    mod h_fields;
    mod h_requests;
    mod h_slow_readers;
    mod h_smuggling;
    mod j_tokens;
    mod log;
    mod o_operations;
    mod p_pages;
    mod p_sessions;
    mod p_users;
    mod r_limits;
    mod s_broker;
    mod s_frames;
    mod s_shares;
    mod w_frames;
    mod w_peers;
    mod x_strangers;
}
