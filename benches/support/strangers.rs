//! A neighbour of somebody who takes all that one address may: how long the neighbour waits.

use super::client::{self, HOST, Kind, text_frame};
use super::processes::Process;
use super::report::Measured;
use super::roles::Role;
use super::{server, stomp};
use byway::server::ServerSettings;
use byway::{Byway, Handler, Message, SessionHandle, Settings, Stomp};
use poem::Route;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// What a stranger does, as fast as it can.
#[derive(Debug, Clone, Copy)]
pub enum Attack {
    /// Nothing: what the neighbour waits for anyway.
    None,
    /// Opens SockJS sessions over 40 connections.
    Sessions,
    /// Sends messages over 64 WebSockets.
    Messages,
    /// Sends to a topic that 500 sessions of its own listen to.
    Fanout,
    /// Begins bodies of 400 KB on 200 connections and ends none.
    Bodies,
}

/// The neighbour's address; strangers come from 127.0.0.1.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How often the neighbour sends something.
const PAUSE: Duration = Duration::from_millis(2);

/// Byway with the defaults of a public server.
pub fn serve() -> io::Result<()> {
    server::run_with(ServerSettings::default(), || {
        let echo = Byway::new(Settings::default(), Echo).map_err(io::Error::other)?;
        let (stomp, _) = Byway::stomp(Settings::default(), Stomp::new()).map_err(io::Error::other)?;
        Ok(Route::new().nest("/echo", echo.endpoint()).nest(stomp::ENDPOINT, stomp.endpoint()))
    })
}

struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        session.send(message).ok();
    }
}

/// The time from a message to its echo, in milliseconds, that 99 of 100 of the neighbour's stay within.
pub fn neighbour_of(attack: Attack, time: Duration) -> io::Result<Measured> {
    let server = Process::start(Role::Public)?;
    let stop = Arc::new(AtomicBool::new(false));
    let attackers = attackers(attack, server.port, &stop)?;
    let mut neighbour = Neighbour::connect(server.port)?;
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < time || times.len() < 20 {
        times.push(neighbour.ask()?.as_secs_f64() * 1e3);
        sleep(PAUSE);
    }
    stop.store(true, Ordering::Relaxed);
    drop(server);
    for attacker in attackers {
        // It ends with an error: its server is gone.
        attacker.join().ok();
    }
    times.sort_by(f64::total_cmp);
    let value = times[(times.len() - 1) * 99 / 100];
    Ok(Measured { value, floor: None, ratio: None, spread: None })
}

struct Neighbour(TcpStream);

impl Neighbour {
    fn connect(port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((NEIGHBOUR, 0)).into())?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(client::PATIENCE))?;
        stream.write_all(&client::request("/echo", Kind::Websocket, 0))?;
        client::read_until(&mut stream, b"\r\n\r\n")?;
        Ok(Self(stream))
    }

    fn ask(&mut self) -> io::Result<Duration> {
        let asked = Instant::now();
        self.0.write_all(&text_frame(b"hello"))?;
        client::read_until(&mut self.0, b"hello")?;
        Ok(asked.elapsed())
    }
}

type Attacker = JoinHandle<io::Result<()>>;

/// Does this again and again, until told to stop or nobody listens.
fn attacker(stop: &Arc<AtomicBool>, mut attack: impl FnMut(usize) -> io::Result<()> + Send + 'static) -> Attacker {
    let stop = Arc::clone(stop);
    spawn(move || {
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            attack(n)?;
            n += 1;
        }
        Ok(())
    })
}

fn attackers(attack: Attack, port: u16, stop: &Arc<AtomicBool>) -> io::Result<Vec<Attacker>> {
    match attack {
        Attack::None => Ok(Vec::new()),
        Attack::Sessions => (0..40).map(|number| sessions(port, number, stop)).collect(),
        Attack::Messages => (0..64).map(|_| messages(port, stop)).collect(),
        Attack::Fanout => fanout(port, stop),
        Attack::Bodies => Ok(vec![bodies(port, stop)]),
    }
}

fn sessions(port: u16, number: usize, stop: &Arc<AtomicBool>) -> io::Result<Attacker> {
    let mut stream = client::open(port, "/echo", Kind::Bare, 0)?;
    let mut answer = [0; 4096];
    Ok(attacker(stop, move |n| {
        let path = format!("/echo/000/stranger-{number}-{n}/xhr");
        stream.write_all(format!("POST {path} HTTP/1.1\r\n{HOST}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
        ended(stream.read(&mut answer)?)
    }))
}

fn messages(port: u16, stop: &Arc<AtomicBool>) -> io::Result<Attacker> {
    let mut stream = client::open(port, "/echo", Kind::Websocket, 0)?;
    drain(&stream)?;
    let many = text_frame(b"x").repeat(1000);
    Ok(attacker(stop, move |_| stream.write_all(&many)))
}

fn fanout(port: u16, stop: &Arc<AtomicBool>) -> io::Result<Vec<Attacker>> {
    let topics = stomp::topics(stomp::Ids::Counted, 0, 1);
    let listeners = (0..500).map(|_| stomp::open(port, Kind::Websocket, 0, &topics)).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
    let own = ("own".to_owned(), "/topic/own".to_owned());
    let mut sender = stomp::open(port, Kind::Websocket, 0, &[own])?;
    drain(&sender)?;
    let send = text_frame(stomp::send("/topic/0", "x").as_bytes());
    let mut answer = [0; 65_536];
    let listening = attacker(stop, move |_| {
        for mut listener in &listeners {
            while listener.read(&mut answer).is_ok_and(|read| read > 0) {}
        }
        sleep(PAUSE);
        Ok(())
    });
    Ok(vec![listening, attacker(stop, move |_| sender.write_all(&send))])
}

fn bodies(port: u16, stop: &Arc<AtomicBool>) -> Attacker {
    let mut held = Vec::new();
    attacker(stop, move |n| {
        let mut stream = client::open(port, "/echo", Kind::Bare, 0)?;
        let head = format!("POST /echo/000/{n}/xhr_send HTTP/1.1\r\n{HOST}\r\nContent-Length: 400000\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &[b' '; 390_000]].concat()).ok();
        held.push(stream);
        if held.len() == 200 {
            held.clear();
        }
        Ok(())
    })
}

/// Reads and throws away what comes, until the other end is closed.
fn drain(stream: &TcpStream) -> io::Result<()> {
    let mut stream = stream.try_clone()?;
    stream.set_read_timeout(None)?;
    spawn(move || io::copy(&mut stream, &mut io::sink()));
    Ok(())
}

fn ended(read: usize) -> io::Result<()> {
    if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
