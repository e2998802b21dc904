//! Two servers under the same load, in turns.

use super::processes::Process;
use super::report::Measured;
use std::io;
use std::time::{Duration, Instant};

/// Something that a server is made to do.
pub trait Workload {
    /// The server that does it.
    fn server(&self) -> &Process;

    /// Does it once; answers how many operations that were.
    fn step(&mut self) -> io::Result<usize>;
}

/// How long one of the two is loaded before it is the other's turn.
const TURN: Duration = Duration::from_millis(25);

/// Loads floor and server in turns, and compares each turn with the one before it.
pub fn compare(floor: &mut dyn Workload, byway: &mut dyn Workload, time: Duration) -> io::Result<Measured> {
    turn(floor)?;
    turn(byway)?;
    let started = Instant::now();
    let mut turns = Vec::new();
    while started.elapsed() < time {
        turns.push((turn(floor)?, turn(byway)?));
    }
    let ratios = turns.iter().map(|(floor, byway)| byway / floor);
    // What else the machine does only ever adds: the cheaper turns tell more than the dearer ones.
    let floor = quantile(turns.iter().map(|turn| turn.0), 0.25);
    let value = quantile(turns.iter().map(|turn| turn.1), 0.25);
    Ok(Measured {
        value,
        floor: Some(floor),
        ratio: Some(value / floor),
        spread: Some((quantile(ratios.clone(), 0.25), quantile(ratios, 0.75))),
    })
}

/// Microseconds of the server's CPU for each operation.
fn turn(workload: &mut dyn Workload) -> io::Result<f64> {
    let before = workload.server().cpu()?;
    let started = Instant::now();
    let mut operations = 0;
    while started.elapsed() < TURN {
        operations += workload.step()?;
    }
    let used = workload.server().cpu()? - before;
    Ok(used.as_secs_f64() * 1e6 / operations as f64)
}

fn quantile(values: impl Iterator<Item = f64>, at: f64) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}
