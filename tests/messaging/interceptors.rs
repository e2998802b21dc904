use super::stage::{ada, destination};
use byway::messaging::{
    Client, Dispatcher, ErrorKind, Flow, Inbound, Interceptor, MessageError, Messages, Outbound, Result,
};
use byway::{DestinationPattern, Headers, Publication};

/// Does one thing to what comes in.
struct In<F>(F);

impl<F: Fn(Inbound) -> Result<Option<Inbound>> + Send + Sync + 'static> Interceptor for In<F> {
    fn inbound(&self, _: &Client, inbound: Inbound) -> Result<Option<Inbound>> {
        self.0(inbound)
    }
}

/// Appends a letter to what comes in and to what goes out.
struct Letter(&'static str);

impl Interceptor for Letter {
    fn inbound(&self, _: &Client, inbound: Inbound) -> Result<Option<Inbound>> {
        let Inbound::Send(publication) = inbound else { return Ok(Some(inbound)) };
        let body = format!("{}{}", publication.body.as_str().unwrap(), self.0);
        Ok(Some(Inbound::Send(Publication { body: body.into(), ..publication })))
    }

    fn outbound(&self, outbound: Outbound<'_>) -> Flow {
        *outbound.body = format!("{}{}", outbound.body.as_str().unwrap(), self.0).into();
        outbound.headers.set("letter", self.0);
        Flow::Pass
    }
}

/// Lets nothing out to `/topic/secret`.
struct Secret;

impl Interceptor for Secret {
    fn outbound(&self, outbound: Outbound<'_>) -> Flow {
        if outbound.destination.as_str() == "/topic/secret" { Flow::Drop } else { Flow::Pass }
    }
}

fn app(interceptor: impl Interceptor) -> Dispatcher {
    Messages::new().intercept(interceptor).intercept(Letter("z")).build().unwrap()
}

fn sent(body: &'static str) -> Inbound {
    Inbound::Send(Publication::new(destination("/topic/activity"), body))
}

fn connect() -> Inbound {
    Inbound::Connect { headers: Headers::from_iter([("passcode", "canary")]) }
}

fn subscribed(text: &str) -> Inbound {
    Inbound::Subscribe { destination: DestinationPattern::parse(text).unwrap(), headers: Headers::new() }
}

#[test]
fn interceptors_run_in_order_and_each_gets_what_the_one_before_left() {
    let app = Messages::new().intercept(Letter("a")).intercept(Letter("b")).build().unwrap();
    assert_eq!(app.inbound(&ada(), sent("x")).unwrap(), Some(sent("xab")));
    let out = app.outbound(Publication::new(destination("/topic/x"), "x")).unwrap();
    assert_eq!((out.body.as_str(), out.headers.get("letter").map(|letter| &**letter)), (Some("xab"), Some("b")));
}

#[test]
fn a_message_can_be_sent_to_another_destination_which_is_then_what_is_checked() {
    let app = app(In(|inbound| match inbound {
        Inbound::Send(publication) => {
            Ok(Some(Inbound::Send(Publication { destination: destination("/app/activity"), ..publication })))
        }
        other => Ok(Some(other)),
    }));
    let Some(Inbound::Send(publication)) = app.inbound(&ada(), sent("x")).unwrap() else { panic!("no SEND") };
    assert_eq!(publication.destination, destination("/app/activity"));
}

#[test]
fn what_is_dropped_reaches_no_later_interceptor_and_a_connect_is_refused_instead() {
    let nothing_after = In(|_| -> Result<Option<Inbound>> { panic!("reached") });
    let app = Messages::new().intercept(In(|_| Ok(None))).intercept(nothing_after).build().unwrap();
    assert!(app.inbound(&ada(), sent("x")).unwrap().is_none());
    assert!(app.inbound(&ada(), subscribed("/topic/x")).unwrap().is_none());
    assert_eq!(app.inbound(&ada(), connect()).unwrap_err().kind(), ErrorKind::Forbidden);
}

#[test]
fn a_refusal_is_told_to_the_client() {
    let app = app(In(|_| Err(MessageError::forbidden("not on sundays"))));
    assert_eq!(app.inbound(&ada(), sent("x")).unwrap_err().to_string(), "not on sundays");
}

#[test]
fn a_message_cannot_be_made_one_of_another_kind() {
    let app = app(In(|_| Ok(Some(subscribed("/topic/x")))));
    assert!(app.inbound(&ada(), subscribed("/topic/y")).unwrap().is_some());
    for inbound in [sent("x"), connect()] {
        assert_eq!(app.inbound(&ada(), inbound).unwrap_err().kind(), ErrorKind::Internal);
    }
}

#[test]
fn what_goes_out_can_be_dropped() {
    let app = app(Secret);
    assert!(app.outbound(Publication::new(destination("/topic/secret"), "x")).is_none());
    assert_eq!(app.outbound(Publication::new(destination("/topic/x"), "x")).unwrap().body.as_str(), Some("xz"));
}

#[test]
fn credentials_and_contents_are_not_in_debug_output() {
    for inbound in [connect(), sent("canary")] {
        assert!(!format!("{inbound:?}").contains("canary"));
    }
    assert!(format!("{:?}", connect()).contains("passcode"));
}
