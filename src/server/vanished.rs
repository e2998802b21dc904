//! Peers that vanish without a word: the kernel finds them out.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// Has a connection fail within `timeout` after its peer has vanished, whatever is sent to it meanwhile.
///
/// What the peer was sent has to be acknowledged within half of that (`TCP_USER_TIMEOUT`, RFC 5482). Where nothing is sent, it
/// is probed from a quarter on; on Linux the same half is then the limit, counted from when it was last heard. So whatever is
/// sent by then has another half.
pub(super) fn probe(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive(timeout))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(timeout / 2))?;
    Ok(())
}

/// Three probes get lost before their peer is given up.
fn keepalive(timeout: Duration) -> TcpKeepalive {
    let whole_seconds = |time: Duration| Duration::from_secs(time.as_secs().max(1));
    let (time, interval) = (whole_seconds(timeout / 4), whole_seconds(timeout / 12));
    TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_peer_is_probed_from_a_quarter_of_its_time_on_and_has_half_of_it_to_acknowledge() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        for (timeout, time, interval) in [(30, 7, 2), (120, 30, 10), (4, 1, 1)] {
            probe(&stream, Duration::from_secs(timeout)).unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(time));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(interval));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            #[cfg(target_os = "linux")]
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(timeout / 2)));
        }
    }
}
