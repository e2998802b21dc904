//! Several endpoints in one process.

use crate::stage::{Plan, Told};
use crate::support::TestServer;
use crate::support::client::Client;
use byway::Transport;
use byway::server::ServerSettings;
use poem::Route;

pub async fn two_endpoints_of_one_process_share_nothing(row: Transport) {
    let (one, mut told_one) = Plan::new(row).echo().byway();
    let (other, mut told_other) = Plan::new(row).echo().byway();
    let routes = Route::new().nest("/one", one.endpoint()).nest("/deep/er/other", other.endpoint());
    let server = TestServer::serve(ServerSettings::default(), one.clone(), routes);
    let at = |base: &str| {
        let mut client = Client::new(server.address, row);
        (client.base, client.id) = (base.to_owned(), "the-same-id".to_owned());
        client
    };
    let mut first = at("/one").open().await;
    let Some(Told::Opened(session)) = told_one.recv().await else { panic!("it opened") };
    session.join("all");
    assert_eq!((one.sessions().len(), other.sessions().len()), (1, 0));

    let mut second = at("/deep/er/other").open().await;
    let Some(Told::Opened(session)) = told_other.recv().await else { panic!("it opened") };
    session.join("all");
    assert_eq!((one.group("all").len(), other.group("all").len()), (1, 1));

    one.group("all").publish("for the first").unwrap();
    assert_eq!(first.message().await, "for the first");
    second.send(&["for the second"]).await;
    assert_eq!(second.message().await, "for the second");
    assert!(told_one.try_recv().is_err());
}
