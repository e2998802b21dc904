//! The command line.

mod load;

pub use load::{BenchArguments, ServerArguments, SubscribeArguments, Traffic};

use byway::config::{ConfigError, Flag, Loaded, memory};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Serves real-time sessions over WebSocket, Server-Sent Events, HTTP streaming and HTTP long-polling.
///
/// Without a configuration, two endpoints are served on http://127.0.0.1:8080/: /chat, with a page to try it, and /echo.
/// Any SockJS client and any plain WebSocket can connect to them.
#[derive(Debug, Parser)]
#[command(name = "byway", version, after_help = SEE_MORE, after_long_help = MORE)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C (the default)
    Serve,
    /// Check the configuration and say what is wrong with it; exit code 1 if anything is
    Check {
        /// Print every setting that is in force, and where it came from
        #[arg(short, long)]
        verbose: bool,
        /// Say which claims the configuration asks for that no token in this file has: tokens, one in a line, or claims in JSON;
        /// - reads stdin. May be given several times. Signatures and times are not looked at
        #[arg(long = "token", value_name = "FILE")]
        tokens: Vec<PathBuf>,
    },
    /// Print a new key for the HTTP API, and the hash of it that goes into the configuration
    Key,
    /// Publish a message over the HTTP API of a server, with the key in the environment variable BYWAY_API_KEY
    Publish(PublishArguments),
    /// Print what is published to a destination, a line for each message; with the token in BYWAY_TOKEN, if one is needed
    Subscribe(SubscribeArguments),
    /// Load a server with subscribers and publishers, and say what was lost, what came twice, how late, and at what cost
    Bench(BenchArguments),
    /// Print a token for trying things out, signed with the configured secret or private key
    Token(TokenArguments),
}

#[derive(Debug, Clone, Args)]
pub struct PublishArguments {
    /// Where it goes, such as /topic/news; with --user what they subscribed below /user, such as /queue/alerts
    pub destination: String,
    /// The text; - reads it from stdin [default: empty]
    pub body: Option<String>,
    /// The text is JSON, and subscribers are told so
    #[arg(long)]
    pub json: bool,
    /// Only for this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Where the server is: https://, or http:// on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// On which endpoint, where several speak STOMP
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct TokenArguments {
    /// Whose token it is: the user's unique name
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub subject: String,
    /// Say this too; VALUE is JSON, or else text. May be given several times
    #[arg(short = 'C', long = "claim", value_name = "NAME=VALUE")]
    pub claims: Vec<String>,
    /// For how long it is good
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub ttl: Duration,
}

#[derive(Debug, Args)]
struct Flags {
    /// Read this file [default: ./byway.toml, if it is there]
    #[arg(short, long, value_name = "FILE", env = "BYWAY_CONFIG", hide_env = true, global = true)]
    config: Option<PathBuf>,

    /// Listen here; port 0 takes any free port [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDRESS:PORT", global = true, help_heading = "Server")]
    listen: Option<String>,

    /// Let clients in who show no token, also from other machines
    #[arg(long, global = true, help_heading = "Server")]
    allow_anonymous: bool,

    /// Serve with this many threads; 0 is one for each core [default: 0]
    #[arg(short, long, value_name = "NUMBER", global = true, help_heading = "Server")]
    workers: Option<u32>,

    /// Take at most this long to stop, such as 30s [default: 20s]
    #[arg(long, value_name = "TIME", global = true, help_heading = "Server")]
    drain_timeout: Option<String>,

    /// Speak TLS with this certificate chain (PEM); needs --tls-key
    #[arg(long, value_name = "FILE", global = true, help_heading = "TLS")]
    tls_certificate: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", global = true, help_heading = "TLS")]
    tls_key: Option<PathBuf>,

    /// Write logs for people (pretty) or for machines (json) [default: pretty]
    #[arg(long, value_name = "FORMAT", global = true, help_heading = "Logs")]
    log_format: Option<String>,

    /// Log error, warn, info, debug or trace, or a filter such as info,byway::node=debug [default: info]
    #[arg(long, value_name = "LEVEL", global = true, help_heading = "Logs")]
    log_level: Option<String>,
}

const SEE_MORE: &str = "--help says more: examples, environment variables, exit codes.";

const MORE: &str = "\
Examples:
  byway                                        Serve the demo on http://127.0.0.1:8080/
  byway --config /etc/byway.toml               Serve what the file says
  byway --listen 0.0.0.0:443 \\
        --tls-certificate chain.pem --tls-key key.pem
  byway check --config byway.toml --verbose    Show what is in force, and where it came from
  byway check --token token.txt                Say which claims of rules no token in the file has
  byway token --subject ada --claim roles=admin --ttl 8h
  byway publish /topic/news 'It works'
  byway subscribe /topic/news --transport feed_lines
  byway bench --subscribers 1000 --rate 50 --pid \"$(pidof byway)\"

Configuration:
  Flags override environment variables, which override the file, which overrides the defaults.
  Every setting has an environment variable: BYWAY_, then the key, with __ between its levels:
    BYWAY_CONFIG=/etc/byway.toml               The file, as --config
    BYWAY_SERVER__LISTEN=0.0.0.0:8080          listen in [server]
    BYWAY_LOG__FORMAT=json                     format in [log]
    BYWAY_ENDPOINTS__CHAT__ORIGINS__ALLOWED='[\"https://example.com\"]'
  docs/byway.toml has every setting with its default, docs/operations.md explains them.

Signals:
  SIGTERM and SIGINT (Ctrl-C) stop gracefully, within --drain-timeout; a second one stops at once.

Exit codes:
  0    done; serve: stopped, and every connection had ended; bench: every message came to everybody, once and in order
  1    the configuration is wrong, or the server could not start; clients: the server cannot be reached, or refuses
  2    the command line is wrong
  3    serve: stopped, but connections were left at the deadline; bench: sessions failed, or messages were lost, came
       twice or out of order
  130  a second signal stopped it at once";

impl Arguments {
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve)
    }

    /// The configuration that these arguments ask for.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        Loaded::load_for(memory::available(), self.flags.config.as_deref(), self.flags.settings())
    }
}

impl Flags {
    fn settings(&self) -> impl Iterator<Item = Flag> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let texts = [
            ("--listen", "server.listen", self.listen.clone()),
            ("--allow-anonymous", "auth.anonymous", self.allow_anonymous.then(|| "allow".to_owned())),
            ("--drain-timeout", "server.drain_timeout", self.drain_timeout.clone()),
            ("--tls-certificate", "server.tls.certificate", path(&self.tls_certificate)),
            ("--tls-key", "server.tls.key", path(&self.tls_key)),
            ("--log-format", "log.format", self.log_format.clone()),
            ("--log-level", "log.level", self.log_level.clone()),
        ];
        let texts = texts.into_iter().filter_map(|(name, key, text)| Some(Flag::new(name, key, text?)));
        texts.chain(self.workers.map(|workers| Flag::new("--workers", "server.workers", workers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as CommandFactory>::command().debug_assert();
    }
}
