use super::StompSettings;
use std::time::Duration;

/// How much longer than promised a peer may be silent at least, so that short intervals allow for a network too.
const MIN_MARGIN: Duration = Duration::from_secs(1);

/// What both sides agreed to (STOMP 1.1 and 1.2, "Heart-beating").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The longest that the server may send nothing; then an EOL is due. `None`: it need not send any.
    pub send_every: Option<Duration>,
    /// The longest that the client may show no sign of life before it counts as dead: so many intervals as
    /// [`heartbeat_tolerance`](StompSettings::heartbeat_tolerance) says, but at least one and a second. `None`: it may be
    /// silent for ever.
    pub expect_within: Option<Duration>,
    /// What CONNECTED says, in milliseconds.
    pub(super) announced: (u128, u128),
}

/// A `heart-beat` header that is not two non-negative numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Heartbeat {
    /// Agrees to a client's `heart-beat` header; none means `0,0`.
    ///
    /// A server's own value is the shortest interval that it can do or wants. Byway follows the client: it announces the
    /// client's value where that is shorter than its setting, but never less than `heartbeat_min`.
    pub(super) fn negotiate(header: Option<&str>, settings: &StompSettings) -> Result<Self, Malformed> {
        let (can_send, wants) = header.map_or(Ok(Default::default()), parse)?;
        let send = follow(settings.heartbeat_send, wants, settings.heartbeat_min);
        let expect = follow(settings.heartbeat_expect, can_send, settings.heartbeat_min);
        Ok(Self {
            send_every: agree(send, wants),
            expect_within: agree(expect, can_send).map(|interval| {
                let tolerated = interval.saturating_mul(settings.heartbeat_tolerance);
                tolerated.max(interval + MIN_MARGIN)
            }),
            announced: (send.as_millis(), expect.as_millis()),
        })
    }
}

/// What the server announces beside the client's value.
fn follow(setting: Duration, client: Duration, min: Duration) -> Duration {
    if client.is_zero() { setting } else { setting.min(client.max(min)) }
}

/// The interval of one direction: the longer value, or none when either is zero.
fn agree(server: Duration, client: Duration) -> Option<Duration> {
    (!server.is_zero() && !client.is_zero()).then(|| server.max(client))
}

fn parse(header: &str) -> Result<(Duration, Duration), Malformed> {
    let (can_send, wants) = header.split_once(',').ok_or(Malformed)?;
    Ok((milliseconds(can_send)?, milliseconds(wants)?))
}

/// A number too large to count with is as good as the largest, which is seven weeks. Spaces around it mean nothing, as in
/// accept-version's list: there are clients that write them.
fn milliseconds(text: &str) -> Result<Duration, Malformed> {
    let text = text.trim_matches(' ');
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Malformed);
    }
    Ok(Duration::from_millis(text.parse().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Option<Duration> {
        Some(Duration::from_millis(count))
    }

    #[test]
    fn heartbeats_are_agreed_to_as_in_the_table() {
        let settings = StompSettings::default();
        for (header, announced, send_every, expect_within) in [
            (None, (10_000, 10_000), None, None),
            (Some("0,0"), (10_000, 10_000), None, None),
            (Some("10000,10000"), (10_000, 10_000), ms(10_000), ms(30_000)),
            (Some("10000, 10000"), (10_000, 10_000), ms(10_000), ms(30_000)),
            (Some(" 10000 ,10000 "), (10_000, 10_000), ms(10_000), ms(30_000)),
            (Some("1000,0"), (10_000, 1000), None, ms(3000)),
            (Some("0,1000"), (1000, 10_000), ms(1000), None),
            (Some("60000,30000"), (10_000, 10_000), ms(30_000), ms(180_000)),
            (Some("1,1"), (100, 100), ms(100), ms(1100)),
            (Some("500,250"), (250, 500), ms(250), ms(1500)),
            (Some("99999999999999999999,0"), (10_000, 10_000), None, ms(3 * u64::from(u32::MAX))),
        ] {
            let heartbeat = Heartbeat { send_every, expect_within, announced };
            assert_eq!(Heartbeat::negotiate(header, &settings), Ok(heartbeat), "{header:?}");
        }
    }

    #[test]
    fn a_client_may_miss_as_many_intervals_as_are_tolerated_and_a_second_at_least() {
        for (heartbeat_tolerance, header, expect_within) in
            [(1, "10000,0", 11_000), (2, "10000,0", 20_000), (5, "10000,0", 50_000), (3, "100,0", 1100)]
        {
            let settings = StompSettings { heartbeat_tolerance, ..StompSettings::default() };
            let heartbeat = Heartbeat::negotiate(Some(header), &settings).unwrap();
            assert_eq!(heartbeat.expect_within, ms(expect_within), "{heartbeat_tolerance} of {header}");
        }
    }

    #[test]
    fn a_server_that_has_none_sends_and_expects_none() {
        let off = StompSettings {
            heartbeat_send: Duration::ZERO,
            heartbeat_expect: Duration::ZERO,
            ..StompSettings::default()
        };
        assert_eq!(Heartbeat::negotiate(Some("1000,1000"), &off), Ok(Heartbeat::default()));
    }

    #[test]
    fn what_is_not_two_non_negative_numbers_is_malformed() {
        for header in
            ["", "1", "1,", ",1", "-1,0", "+1,0", "1,2,3", "a,b", "1.5,0", "1 0,0", "1, ", "\t1,0", "0x1,0", "1,٣"]
        {
            assert_eq!(Heartbeat::negotiate(Some(header), &StompSettings::default()), Err(Malformed), "{header}");
        }
    }
}
