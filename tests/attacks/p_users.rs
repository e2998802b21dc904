//! Two users: what one of them can do with the other's STOMP session.

use super::broker::survives;
use super::target::record_panics;
use crate::support::TestServer;
use crate::support::client::http;
use crate::support::client::{Client, Kind, kind};
use crate::support::stage::{Plan, Stage};
use crate::support::stomp::{StompClient, frame};
use byway::server::ServerSettings;
use byway::{Byway, Principal, Settings, Stomp, Transport};
use poem::{EndpointExt, Request, Route};

/// A STOMP server whose middleware believes the header X-User.
fn with_users() -> TestServer {
    record_panics();
    let (byway, _) = Byway::stomp(Settings::default(), Stomp::new()).expect("the defaults are valid");
    let endpoint = byway.endpoint().before(|mut request: Request| async move {
        if let Some(user) = request.header("X-User").map(str::to_owned) {
            request.set_data(Principal::new(user));
        }
        Ok(request)
    });
    TestServer::serve(ServerSettings::default(), byway, Route::new().nest("/e", endpoint))
}

#[tokio::test]
async fn p1_a_user_s_session_is_404_for_another_on_every_transport_and_the_user_goes_on() {
    let server = with_users();
    for opened in Transport::ALL.into_iter().filter(|transport| kind(*transport) != Kind::Socket) {
        let client = Client::new(server.address, opened).with_header("X-User", "ada");
        let id = client.id.clone();
        let mut ada = StompClient::connect(client, &[]).await;
        ada.subscribe("0", "/topic/a", &[]).await;
        for user in ["bob", "Ada", ""] {
            for transport in Transport::ALL.into_iter().filter(|transport| kind(*transport) != Kind::Socket) {
                let mut bob = Client::new(server.address, transport).with_header("X-User", user);
                bob.id = id.clone();
                assert_eq!(bob.attempt().await, 404, "{opened} {transport} {user:?}");
                let taken = frame("SEND", &[("destination", "/topic/a")], "never");
                let sent = bob.post(&serde_json::to_string(&[taken]).expect("JSON")).await;
                assert_eq!(sent.status(), 404, "{opened} {transport} {user:?}");
            }
        }
        ada.publish("/topic/a", "still mine").await;
        assert_eq!(ada.body().await, "still mine");
    }
}

/// CONNECTED's `session` is a name and opens nothing, and a session that has ended is nobody's.
#[tokio::test]
async fn p1_what_connected_calls_a_session_is_no_key_to_it() {
    let stage: Stage = super::broker::serve(Plan::new(Transport::Xhr).tokens());
    for transport in Transport::ALL {
        let mut ada = StompClient::open(Client::new(stage.server.address, transport)).await;
        ada.say_connect(&[("token", &crate::support::stage::token("ada"))]).await;
        let name = ada.frame().await.header("session").expect("a name").to_owned();
        for guess in [name.clone(), format!("session-{name}"), format!("0{name}")] {
            let target = format!("/e/000/{guess}/xhr_send");
            let answer = http::ask(stage.server.address, "POST", &target, &[], b"[\"x\"]").await;
            assert!([404].contains(&answer.status()), "{guess}: {answer:?}");
        }
        let mut client = ada.client.twin();
        ada.ask("DISCONNECT", &[], "").await;
        ada.closes(&byway::Disconnect::NORMAL).await;
        if kind(transport) != Kind::Socket {
            client.id = ada.client.id.clone();
            let sent = client.post("[\"SEND\\n\"]").await;
            assert!([204, 404, 200].contains(&sent.status()), "{sent:?}");
        }
        assert_eq!(stage.messenger.users().sessions_of("ada").len(), 0);
    }
    survives(&stage, &[("token", &crate::support::stage::token("bob"))]).await;
}
