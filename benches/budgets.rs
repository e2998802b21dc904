//! What Byway costs, beside what the bare sockets under it cost: the budgets of docs/performance.md.
//!
//! `cargo bench` runs all rows and prints a table; `cargo bench -- --help` says what else there is. The server is a child
//! process on one core, the client this process on another. The floor of a row is a second child that does the same
//! reads and writes of the same bytes and nothing else; the two take turns, so that whatever else the machine does falls
//! on both. What is compared is CPU time, user and system, never wall time.

mod support;

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;
use support::report::Outcome;
use support::{processes, report, roles, rows};

#[derive(Parser)]
struct Arguments {
    /// Run only the rows whose name contains this.
    filter: Option<String>,
    /// How long to measure each row, in seconds.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// How many sessions the memory rows open.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// A quarter of a second for each row, and a tenth of the sessions: to see that it runs, not to learn figures.
    #[arg(long)]
    quick: bool,
    /// Write the results to this file as JSON, too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Print the rows' names, and run none.
    #[arg(long)]
    list: bool,
    /// What this process is, when it is a child of another.
    #[arg(long, hide = true)]
    role: Option<roles::Role>,
    /// `cargo bench` says this.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(role) => roles::play(role),
        None => run(&arguments),
    }
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    processes::raise_file_limit();
    processes::pin_client();
    let settings = settings(arguments);
    let mut outcomes = Vec::new();
    report::print_head();
    for row in rows::ALL.iter().filter(|row| arguments.selects(row.name)) {
        if arguments.list {
            println!("{}", row.name);
            continue;
        }
        let outcome = Outcome { row, measured: row.kind.run(&settings)? };
        report::print(&outcome);
        outcomes.push(outcome);
    }
    match &arguments.json {
        Some(file) => report::write_json(file, &outcomes),
        None => Ok(()),
    }
}

fn settings(arguments: &Arguments) -> rows::Settings {
    let (seconds, fewer) = if arguments.quick { (0.25, 10) } else { (arguments.seconds, 1) };
    rows::Settings { time: Duration::from_secs_f64(seconds), sessions: arguments.sessions / fewer, fewer }
}

impl Arguments {
    fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }
}
