//! What the terminal says at the start: what is served, and where.

use byway::Transport;
use byway::config::Parts;
use byway::server::{Mounted, Site};
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Prints the table to stdout, coloured if that is a terminal. `api` is where the API is that has an address of its own.
pub fn print(parts: &Parts, local: SocketAddr, api: Option<SocketAddr>) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = table(parts, local, api).render(colour);
    let mut out = std::io::stdout().lock();
    // A closed pipe must not stop the server.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

struct Table {
    note: Option<String>,
    /// URLs, and what is there.
    rows: Vec<(String, String)>,
}

fn table(parts: &Parts, local: SocketAddr, api: Option<SocketAddr>) -> Table {
    let scheme = if parts.tls.is_some() { "https" } else { "http" };
    let url = |address: SocketAddr, path: &str| format!("{scheme}://{}{path}", reachable(address));
    let mut rows: Vec<_> = rows(&parts.site).into_iter().map(|(path, what)| (url(local, &path), what)).collect();
    let of_api = |address| api_rows(&parts.site).map(move |(path, what)| (url(address, &path), what));
    rows.extend(api.into_iter().flat_map(of_api));
    let note = local.ip().is_unspecified().then(|| format!("Listening on every address, port {}.", local.port()));
    Table { note, rows }
}

const API: (&str, &str) = ("/api/docs", "HTTP API");
const ADMIN: (&str, &str) = ("/admin", "admin page");

fn rows(site: &Site) -> Vec<(String, String)> {
    let row = |path: &str, what: &str| (path.to_owned(), what.to_owned());
    let mut rows = Vec::new();
    if site.demo {
        rows.push(row("/", "demo page"));
    }
    rows.extend(site.endpoints.iter().map(|endpoint| (endpoint.path.clone(), what(endpoint))));
    rows.extend(site.endpoints.iter().filter_map(|it| Some(row(it.feed_path.as_ref()?, "feeds"))));
    if site.metrics {
        rows.extend([row("/health", "health"), row("/metrics", "Prometheus metrics")]);
    }
    if site.has_api_here() {
        rows.extend(api_rows(site));
    }
    rows
}

fn api_rows(site: &Site) -> impl Iterator<Item = (String, String)> {
    let admin = site.admin.as_ref().map(|_| ADMIN);
    std::iter::once(API).chain(admin).map(|(path, what)| (path.to_owned(), what.to_owned()))
}

fn what(endpoint: &Mounted) -> String {
    let websocket = endpoint.byway.settings().sockjs.transports.contains(&Transport::RawWebsocket);
    match websocket {
        true => format!("{} over SockJS, WebSocket at {}/websocket", endpoint.application, endpoint.path),
        false => format!("{} over SockJS", endpoint.application),
    }
}

/// An address that a browser on this machine can open.
fn reachable(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

impl Table {
    fn render(&self, colour: bool) -> String {
        let paint =
            |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let width = self.rows.iter().map(|(url, _)| url.len()).max().unwrap_or_default();
        let mut text = format!("\n{} {}\n\n", paint("1", "Byway"), env!("CARGO_PKG_VERSION"));
        for (url, what) in &self.rows {
            let padding = " ".repeat(width - url.len());
            text += &format!("  {}{padding}  {what}\n", paint("36", url));
        }
        let note = self.note.as_ref().map(|note| format!("{note} ")).unwrap_or_default();
        text + &format!("\n{note}{}\n\n", paint("2", "Ctrl-C stops."))
    }
}
