//! `byway serve`

use super::signals::Signals;
use super::{banner, log};
use byway::config::{Parts, memory};
use byway::server::{Connections, Health, Server, Stopped};
use futures_util::FutureExt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// The exit code for a stop that left connections behind.
const CONNECTIONS_LEFT: u8 = 3;

/// The exit code of a shell for what SIGINT ended.
const AT_ONCE: u8 = 130;

/// How serving ended.
enum Ending {
    /// As it should, or at the deadline.
    Stopped(Stopped),
    /// By a second signal: whoever asks twice does not want to wait.
    AtOnce,
}

/// How long the log may take for its last lines, where it can be written at all.
const LAST_LINES: Duration = Duration::from_secs(1);

/// File descriptors for other things than connections.
const SPARE_FILES: u64 = 64;

/// Serves until a signal comes, and stops.
pub fn serve(parts: Parts) -> Result<ExitCode, String> {
    let log = log::start(&parts.log, Arc::clone(&parts.site.log_lines_lost))?;
    let runtime = runtime(parts.workers).map_err(|error| format!("cannot start threads: {error}"))?;
    let ending = runtime.block_on(run(parts));
    // Nothing is waited for any longer.
    runtime.shutdown_background();
    let code = ending.as_ref().map(exit_code).map_err(Clone::clone);
    log.flush(LAST_LINES);
    code
}

fn runtime(workers: usize) -> io::Result<Runtime> {
    match workers {
        1 => Builder::new_current_thread().enable_all().build(),
        workers => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

async fn run(parts: Parts) -> Result<Ending, String> {
    let signals = Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let (listener, local) = bind(parts.listen)?;
    let api = parts.site.api.listen.map(bind).transpose()?;
    let listeners = 1 + u64::from(api.is_some());
    raise_file_limit(listeners.saturating_mul(parts.server.max_connections as u64));
    let health = Health::default();
    let server = parts.server();
    let routes = parts.site.routes(&health, &server.connections());
    banner::print(&parts, local, api.as_ref().map(|(_, local)| *local));
    announce(&parts, local);
    announce_memory(&parts);
    let (stop, stopping) = oneshot::channel();
    let stopping = async { stopping.await.unwrap_or_default() }.shared();
    let connections = server.connections();
    let serving = server.serve(listener, routes, stopping.clone());
    let serving_api = serve_api(&parts, api.map(|(listener, _)| listener), &connections, stopping);
    tokio::select! {
        stopped = futures_util::future::try_join(serving, serving_api) => match stopped {
            Ok((all, api)) => Ok(Ending::Stopped(together(all, api))),
            Err(error) => Err(format!("cannot serve: {error}")),
        },
        () = second_signal(signals, health, stop) => Ok(Ending::AtOnce),
    }
}

/// Begins to stop at the first signal; ready at the second.
async fn second_signal(mut signals: Signals, health: Health, stop: oneshot::Sender<()>) {
    let signal = signals.next().await;
    health.draining();
    tracing::info!(signal, "stopping");
    stop.send(()).ok();
    signals.next().await;
}

/// Serves the API where it has an address of its own.
async fn serve_api(
    parts: &Parts,
    listener: Option<TcpListener>,
    connections: &Arc<Connections>,
    stop: impl Future<Output = ()>,
) -> io::Result<Stopped> {
    match listener {
        Some(listener) => parts.api_server().serve(listener, parts.site.api_routes(connections), stop).await,
        None => Ok(Stopped { sessions_told: 0, connections_left: 0 }),
    }
}

fn together(a: Stopped, b: Stopped) -> Stopped {
    Stopped {
        sessions_told: a.sessions_told + b.sessions_told,
        connections_left: a.connections_left + b.connections_left,
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let bound = Server::bind(address).and_then(|listener| listener.local_addr().map(|local| (listener, local)));
    bound.map_err(|error| format!("cannot listen on {address}: {}", why(&error, address)))
}

fn why(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another with --listen".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "not permitted; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE), this is {}",
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

fn announce(parts: &Parts, local: SocketAddr) {
    let endpoints = parts.site.endpoints.len();
    tracing::info!(address = %local, tls = parts.tls.is_some(), workers = parts.workers, endpoints, "serving");
    let open: Vec<_> = parts.open_endpoints().collect();
    if !local.ip().is_loopback() && !open.is_empty() {
        let endpoints = open.join(", ");
        tracing::warn!(address = %local, endpoints, "no authentication is configured: whoever reaches this address can open sessions there");
    }
}

/// Says what clients can make the server take, and warns where that is more than there is.
fn announce_memory(parts: &Parts) {
    let (may_need, available) = (parts.may_need >> 20, memory::available().map(|bytes| bytes >> 20));
    match available {
        Some(available) if available < may_need => tracing::warn!(
            may_need,
            available,
            "clients can make the server take more MiB of memory than there are: lower the limits that were raised"
        ),
        _ => tracing::info!(
            may_need,
            available,
            "MiB of memory that clients can make the server take, and that there are"
        ),
    }
}

/// Lets the process have as many files as it may, and says when those are too few.
fn raise_file_limit(max_connections: u64) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < max_connections.saturating_add(SPARE_FILES) => {
            tracing::warn!(
                limit,
                max_connections,
                "fewer files may be open than connections: raise the limit (ulimit -n)"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}

fn exit_code(ending: &Ending) -> ExitCode {
    match *ending {
        Ending::Stopped(Stopped { sessions_told, connections_left: 0 }) => {
            tracing::info!(sessions_told, "stopped");
            ExitCode::SUCCESS
        }
        Ending::Stopped(Stopped { sessions_told, connections_left }) => {
            tracing::warn!(sessions_told, connections_left, "stopped at the deadline, with connections left");
            CONNECTIONS_LEFT.into()
        }
        Ending::AtOnce => {
            tracing::warn!("stopped at once, by a second signal");
            AT_ONCE.into()
        }
    }
}
