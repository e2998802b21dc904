//! SockJS and STOMP through proxies.

use crate::support::client::Client;
use crate::support::proxy::{Habits, Proxy};
use crate::support::stage::Plan;
use crate::support::stomp::StompClient;
use byway::Transport;

#[tokio::test]
async fn where_upgrades_are_stripped_websockets_are_refused_clearly_and_the_rest_works() {
    for row in [Transport::XhrStreaming, Transport::Eventsource, Transport::Htmlfile, Transport::Xhr, Transport::Jsonp]
    {
        let stage = Plan::new(row).start();
        let habits = Habits { strips_upgrade: true, ..Habits::default() };
        let proxy = Proxy::start(stage.server.address, habits).await;
        for socket in [Transport::Websocket, Transport::RawWebsocket] {
            assert_eq!(Client::new(proxy.address, socket).attempt().await, 400);
        }
        let mut client = StompClient::connect(Client::new(proxy.address, row), &[]).await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.publish("/topic/a", "through").await;
        assert_eq!(client.frame().await.text(), "through", "{row}");
    }
}

#[tokio::test]
async fn websockets_pass_through_what_lets_upgrades_through() {
    for row in [Transport::Websocket, Transport::RawWebsocket] {
        let stage = Plan::new(row).start();
        let habits = Habits { rewrites_headers: true, ..Habits::default() };
        let proxy = Proxy::start(stage.server.address, habits).await;
        let mut client = StompClient::connect(Client::new(proxy.address, row), &[]).await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.publish("/topic/a", "through").await;
        assert_eq!(client.frame().await.text(), "through", "{row}");
    }
}
