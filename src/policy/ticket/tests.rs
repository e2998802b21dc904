use super::*;
use crate::model::NameError;
use std::net::IpAddr;

const HERE: [u8; 4] = [192, 0, 2, 1];
const ELSEWHERE: [u8; 4] = [192, 0, 2, 2];

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
}

fn tickets() -> Tickets {
    Tickets::new(TicketSettings { max_tickets: 2, ..TicketSettings::default() })
}

fn no_session(_: &ByteString) -> bool {
    false
}

fn issue(tickets: &Tickets, request: TicketRequest, number: u8, second: u64) -> Result<Ticket, TicketError> {
    tickets.issue(request, [number; 32], at(second), no_session)
}

fn show(
    tickets: &Tickets,
    ticket: &Ticket,
    address: [u8; 4],
    comes_back: bool,
    second: u64,
) -> Result<String, AuthError> {
    let shown = ShownTicket { ticket: ticket.ticket.expose(), address: IpAddr::from(address).into(), comes_back };
    tickets.redeem(shown, at(second), no_session).map(|identity| identity.principal.unwrap().name().to_owned())
}

fn ada() -> TicketRequest {
    TicketRequest::new("ada")
}

#[test]
fn a_ticket_lets_its_user_in_once_and_within_its_time() {
    let tickets = tickets();
    let ticket = issue(&tickets, ada(), 1, 0).unwrap();
    assert!(is_ticket(ticket.ticket.expose()) && ticket.ticket.expose().len() == "byway_t_".len() + 43);
    assert_eq!(ticket.expires_at, at(30));
    assert_eq!(show(&tickets, &ticket, HERE, false, 29), Ok("ada".to_owned()));
    assert_eq!(show(&tickets, &ticket, HERE, false, 29), Err(AuthError::Ticket));
    let late = issue(&tickets, ada(), 2, 0).unwrap();
    assert_eq!(show(&tickets, &late, HERE, false, 30), Err(AuthError::Ticket));
    let unknown = Ticket { ticket: "byway_t_x".into(), ..late };
    assert_eq!(show(&tickets, &unknown, HERE, true, 0), Err(AuthError::Ticket));
}

#[test]
fn a_ticket_can_be_made_for_more_uses_and_another_time() {
    let tickets = tickets();
    let request = TicketRequest { uses: 2, expires_in: Some(Duration::from_secs(100)), ..ada() };
    let ticket = issue(&tickets, request, 1, 0).unwrap();
    assert!(show(&tickets, &ticket, HERE, false, 99).is_ok());
    assert!(show(&tickets, &ticket, ELSEWHERE, false, 99).is_ok());
    assert_eq!(show(&tickets, &ticket, HERE, false, 99), Err(AuthError::Ticket));
}

#[test]
fn a_reader_comes_back_with_its_ticket_until_its_session_is_over_for_a_while() {
    let tickets = tickets();
    let ticket = issue(&tickets, ada(), 1, 0).unwrap();
    assert_eq!(show(&tickets, &ticket, HERE, true, 1), Ok("ada".to_owned()), "the first time it is only used");
    assert_eq!(show(&tickets, &ticket, ELSEWHERE, true, 2), Err(AuthError::Ticket));
    assert_eq!(show(&tickets, &ticket, HERE, false, 2), Err(AuthError::Ticket));
    assert_eq!(show(&tickets, &ticket, HERE, true, 60), Ok("ada".to_owned()));
    tickets.left(&ticket.id, at(500));
    assert_eq!(show(&tickets, &ticket, HERE, true, 559), Ok("ada".to_owned()));
    assert_eq!(show(&tickets, &ticket, HERE, true, 619), Err(AuthError::Ticket));
}

#[test]
fn a_reader_whose_session_is_open_may_come_back_however_old_its_ticket_is() {
    let tickets = tickets();
    let ticket = issue(&tickets, ada(), 1, 0).unwrap();
    show(&tickets, &ticket, HERE, false, 1).unwrap();
    let shown = ShownTicket { ticket: ticket.ticket.expose(), address: IpAddr::from(HERE).into(), comes_back: true };
    assert!(tickets.redeem(shown, at(9_000), |id| *id == ticket.id).is_ok());
}

#[test]
fn nobody_comes_back_where_there_is_no_time_for_it() {
    let tickets = Tickets::new(TicketSettings { reconnect_time: Duration::ZERO, ..TicketSettings::default() });
    let ticket = issue(&tickets, ada(), 1, 0).unwrap();
    show(&tickets, &ticket, HERE, false, 1).unwrap();
    assert_eq!(show(&tickets, &ticket, HERE, true, 1), Err(AuthError::Ticket));
}

#[test]
fn an_identity_has_the_claims_the_moment_of_issue_and_an_end_that_coming_back_does_not_move() {
    let tickets = tickets();
    let claims = serde_json::json!({ "roles": ["desk"], "sub": "eve", "iat": 1 }).as_object().unwrap().clone();
    let request = TicketRequest { claims, session_expires_in: Some(Duration::from_secs(50)), ..ada() };
    let ticket = issue(&tickets, request, 1, 7).unwrap();
    let redeem = |second, comes_back| {
        let shown = ShownTicket { ticket: ticket.ticket.expose(), address: IpAddr::from(HERE).into(), comes_back };
        tickets.redeem(shown, at(second), no_session)
    };
    let identity = redeem(10, false).unwrap();
    let principal = identity.principal.clone().unwrap();
    assert!(principal.has("roles", "desk") && principal.has("sub", "ada"));
    assert_eq!((identity.issued_at(), identity.expires_at), (Some(at(7)), Some(at(57))));
    assert_eq!(identity.token_id, Some(ticket.id.clone()));
    assert_eq!(redeem(40, true).unwrap().expires_at, Some(at(57)));
    assert!(matches!(redeem(57, true), Err(AuthError::Expired)));
}

#[test]
fn what_is_over_makes_room_and_what_is_not_does_not() {
    let tickets = tickets();
    let used = issue(&tickets, ada(), 1, 0).unwrap();
    show(&tickets, &used, HERE, false, 20).unwrap();
    issue(&tickets, ada(), 2, 0).unwrap();
    assert_eq!(issue(&tickets, ada(), 3, 29), Err(TicketError::Full(2)));
    issue(&tickets, ada(), 3, 30).expect("the second was not used in time");
    assert_eq!(issue(&tickets, ada(), 4, 30), Err(TicketError::Full(2)), "the first's reader may come back");
    tickets.forget_expired(at(80), |id| *id == used.id);
    assert_eq!(tickets.len(), 1, "the first's session is open");
    tickets.forget_expired(at(80), no_session);
    assert!(tickets.is_empty());
}

#[test]
fn what_cannot_be_right_is_refused() {
    let tickets = tickets();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let claims = serde_json::json!({ "x": "x".repeat(2048) }).as_object().unwrap().clone();
    let time = Err(TicketError::Time(Duration::from_secs(300)));
    for (request, expected) in [
        (TicketRequest::new(""), Err(TicketError::User(NameError::Empty))),
        (TicketRequest::new("x".repeat(257)), Err(TicketError::User(NameError::TooLong(257)))),
        (TicketRequest::new("a\rda"), Err(TicketError::User(NameError::Control('\r')))),
        (TicketRequest { claims, ..ada() }, Err(TicketError::Claims)),
        (TicketRequest { expires_in: seconds(0), ..ada() }, time.clone()),
        (TicketRequest { expires_in: seconds(301), ..ada() }, time.clone()),
        (TicketRequest { session_expires_in: seconds(u64::MAX), ..ada() }, time),
        (TicketRequest { uses: 0, ..ada() }, Err(TicketError::Uses)),
        (TicketRequest { uses: 101, ..ada() }, Err(TicketError::Uses)),
    ] {
        assert_eq!(issue(&tickets, request, 1, 0), expected);
    }
    assert!(tickets.is_empty());
}

#[test]
fn nothing_that_is_kept_or_shown_has_a_ticket_in_it() {
    let tickets = tickets();
    let ticket = issue(&tickets, ada(), 1, 0).unwrap();
    let random = &ticket.ticket.expose()["byway_t_".len()..];
    for shown in [format!("{ticket:?}"), format!("{tickets:?}"), ticket.id.to_string()] {
        assert!(!shown.contains(random), "{shown}");
    }
}

#[test]
fn a_ticket_that_was_revoked_is_never_good_again_and_others_still_are() {
    let tickets = Tickets::new(TicketSettings::default());
    let made = |user: &str, number| issue(&tickets, TicketRequest { uses: 2, ..TicketRequest::new(user) }, number, 0);
    let [used, unused, by_id, other] =
        [("ada", 1), ("ada", 2), ("bob", 3), ("bob", 4)].map(|(user, number)| made(user, number).unwrap());
    assert!(show(&tickets, &used, HERE, false, 0).is_ok());
    tickets.revoke(&Revocation::User("ada".into()));
    tickets.revoke(&Revocation::Token(by_id.id.clone()));
    for ticket in [&used, &unused, &by_id] {
        assert_eq!(show(&tickets, ticket, HERE, true, 1), Err(AuthError::Revoked));
    }
    assert!(
        show(&tickets, &other, HERE, false, 1).is_ok()
            && made("ada", 5).is_ok_and(|new| show(&tickets, &new, HERE, false, 1).is_ok())
    );
}

#[test]
fn who_shows_a_dead_ticket_again_and_again_does_not_keep_it() {
    let tickets = tickets();
    let request = TicketRequest { session_expires_in: Some(Duration::from_secs(10)), ..ada() };
    let [revoked, over] = [1, 2].map(|number| issue(&tickets, request.clone(), number, 0).unwrap());
    assert!(show(&tickets, &revoked, HERE, false, 0).is_ok() && show(&tickets, &over, HERE, false, 0).is_ok());
    tickets.revoke(&Revocation::Token(revoked.id.clone()));
    for second in [10, 30, 50] {
        assert_eq!(show(&tickets, &revoked, HERE, true, second), Err(AuthError::Revoked));
        assert_eq!(show(&tickets, &over, HERE, true, second), Err(AuthError::Expired));
    }
    tickets.forget_expired(at(60), no_session);
    assert!(tickets.is_empty());
}
