//! The arguments of the clients that listen.

use byway::Transport;
use clap::{ArgGroup, Args, ValueEnum};
use std::time::Duration;

/// Where a server is, and by which way its sessions come.
#[derive(Debug, Clone, Args)]
pub struct ServerArguments {
    /// The endpoint: http:// or https:// with the path below which SockJS and feeds are; or ws:// or wss:// of a plain
    /// WebSocket, for --transport raw_websocket
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/stomp")]
    pub url: String,
    /// websocket, xhr_streaming, xhr, eventsource (SockJS); raw_websocket; feed_events, feed_lines, feed_poll
    #[arg(long, value_name = "NAME", default_value = "websocket", value_parser = transport)]
    pub transport: Transport,
    /// The URL is a feed's own, of any server: nothing is added to it, {destination} in it stands for the destination, and
    /// each event or line is a message. For --transport feed_events and feed_lines
    #[arg(long)]
    pub as_is: bool,
    /// The login of STOMP's CONNECT, for servers that have one; BYWAY_TOKEN is the passcode then
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
    /// The host of STOMP's CONNECT, for servers with virtual hosts [default: the URL's]
    #[arg(long, value_name = "NAME")]
    pub virtual_host: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("beginning"))]
pub struct SubscribeArguments {
    /// What to subscribe to, such as /topic/news, /topic/** or /user/queue/alerts
    #[arg(required_unless_present = "as_is")]
    pub destination: Option<String>,
    #[command(flatten)]
    pub server: ServerArguments,
    /// Stop after so many messages
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Begin behind the message with this id (feeds) or offset header (STOMP)
    #[arg(long, value_name = "ID", group = "beginning")]
    pub since: Option<String>,
    /// Begin with so many of the last messages, where the topic keeps them
    #[arg(long, value_name = "NUMBER", group = "beginning", conflicts_with = "as_is")]
    pub history: Option<u64>,
    /// Print each message as JSON, with its destination and headers
    #[arg(long)]
    pub json: bool,
}

/// What the sessions of a load do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Traffic {
    /// STOMP publishers send to a topic, or HTTP requests do; STOMP sessions or feeds are subscribed to it
    Topic,
    /// Every session gets what any of them sends: a plain SockJS or WebSocket endpoint that broadcasts
    Broadcast,
    /// Every session sends, and gets its own messages back
    Echo,
}

#[derive(Debug, Clone, Args)]
pub struct BenchArguments {
    #[command(flatten)]
    pub server: ServerArguments,
    /// What the sessions do
    #[arg(long, value_enum, default_value = "topic")]
    pub traffic: Traffic,
    /// The topic
    #[arg(long, value_name = "TOPIC", default_value = "/topic/bench")]
    pub destination: String,
    /// Sessions that listen
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub subscribers: u32,
    /// Sessions that only send; with --traffic echo none, as each session sends
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub publishers: u32,
    /// By which way the publishers' sessions come [default: raw_websocket for topics, else --transport]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub publish_transport: Option<Transport>,
    /// Publish by HTTP instead, over Byway's API below this URL, with the key in BYWAY_API_KEY; with --as-is, POST each message
    /// to this URL of any server, in which {destination} stands for the destination
    #[arg(long, value_name = "URL", conflicts_with = "publish_transport")]
    pub publish_url: Option<String>,
    /// Messages a second that all publishers send together
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = rate)]
    pub rate: f64,
    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = clap::value_parser!(u32).range(80..=1_048_576))]
    pub size: u32,
    /// For how long to measure
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// For how long to publish before that. Latency and cost of these messages are not reported, their loss is
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub warmup: Duration,
    /// How long to wait at the end for messages that are missing
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    /// Sessions to open in a second
    #[arg(long, value_name = "NUMBER", default_value = "500", value_parser = rate)]
    pub ramp: f64,
    /// Threads of the load itself
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// A process of the server on this machine, to report its CPU time and memory; may be given several times
    #[arg(long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,
    /// Load this host, which is not this machine: it has to be the one in --url, and yours to load
    #[arg(long, value_name = "HOST")]
    pub allow_remote: Option<String>,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
}

/// The transports that the clients here speak: those of SockJS that need no page, plain WebSockets, and feeds.
fn transport(name: &str) -> Result<Transport, String> {
    let spoken = |transport: &Transport| !matches!(transport, Transport::Htmlfile | Transport::Jsonp);
    let all = || Transport::ALL.into_iter().chain(Transport::FEEDS).filter(spoken);
    all().find(|transport| transport.name() == name).ok_or_else(|| {
        let names: Vec<_> = all().map(Transport::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected a number from 0.01 to 1000000".to_owned()),
    }
}
