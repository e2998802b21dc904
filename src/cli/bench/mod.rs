//! `byway bench`: a load with a conscience. Every message has a number and the moment at which it was sent, so what is lost,
//! comes twice or out of order is known exactly, whatever the server.
//!
//! | file | what it knows |
//! |---|---|
//! | `plan` | [`Plan`]: what is asked for, checked |
//! | `payload` | what a message says |
//! | `track` | [`Tally`](track::Tally): what one session has heard, and what is missing |
//! | `histogram` | latencies |
//! | `process` | what a server's process costs |
//! | `subscribers`, `publishers` | the sessions |
//! | `shared` | [`Shared`](shared::Shared): what the sessions of a load have in common |
//! | `run` | the phases: open, publish, wait for the rest |
//! | `report` | what came out, as text and as JSON |

mod histogram;
mod payload;
mod plan;
mod process;
mod publishers;
mod report;
mod run;
mod shared;
mod subscribers;
mod track;

use super::arguments::BenchArguments;
use super::signals::Signals;
use plan::Plan;
use std::io::Write;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// The exit code for a load of which not everything arrived, once and in order.
const NOT_CLEAN: u8 = 3;

/// Loads a server and reports; Ctrl-C ends it early, and it reports all the same.
pub fn bench(arguments: &BenchArguments) -> Result<ExitCode, String> {
    let plan = Plan::new(arguments)?;
    raise_file_limit(plan.files())?;
    let runtime = runtime(arguments.threads).map_err(|error| format!("cannot start threads: {error}"))?;
    let report = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
        run::run(plan, async move {
            signals.next().await;
        })
        .await
    })?;
    runtime.shutdown_background();
    let text = if arguments.json { report.to_json() } else { report.to_text() };
    // Nobody reads a closed pipe: nothing to report.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { NOT_CLEAN.into() })
}

fn runtime(threads: u16) -> std::io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads.into()).enable_all().build(),
    }
}

/// Lets the process have as many files as it may; refuses to begin what could only fail half-way.
fn raise_file_limit(needed: u64) -> Result<(), String> {
    let limit =
        rlimit::increase_nofile_limit(u64::MAX).map_err(|error| format!("cannot raise the file limit: {error}"))?;
    if limit < needed {
        return Err(format!("{needed} files may be open at a time, and the limit is {limit}: raise it (ulimit -Hn)"));
    }
    Ok(())
}
