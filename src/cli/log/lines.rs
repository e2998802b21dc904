//! Lines of the log on their way to a file, a terminal or a pipe, for which no thread that serves ever waits.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// How many lines may wait to be written: a few hundred bytes each.
const MAX_WAITING: usize = 4096;

/// How long a pipe that takes nothing just now (`O_NONBLOCK`, which its other users may have set) is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the log tells of lost lines at the most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Hands lines to a thread that writes them. What finds no room, and what cannot be written, is lost and counted: a log
/// that is full, closed or not read ends nothing and stalls nothing.
#[derive(Clone)]
pub struct Lines {
    waiting: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

enum Line {
    Text(Vec<u8>),
    /// All before it are written.
    Mark(SyncSender<()>),
}

impl Lines {
    /// Lines to `out`, which may block for as long as it likes. Those that are lost are counted in `lost`.
    pub fn to(out: impl Write + Send + 'static, lost: Arc<AtomicU64>) -> io::Result<Self> {
        let (waiting, lines) = sync_channel(MAX_WAITING);
        let writer = Writer { out, lost: Arc::clone(&lost), told: 0, told_at: None };
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&lines))?;
        Ok(Self { waiting, lost })
    }

    /// Waits until all lines so far are written, though not for longer than this.
    pub fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let (mark, written) = sync_channel(1);
        while let Err(TrySendError::Full(_)) = self.waiting.try_send(Line::Mark(mark.clone())) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // Whether it came or not, the process goes on to its end.
        written.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each write is one line, and succeeds.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.waiting.try_send(Line::Text(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer<W> {
    out: W,
    lost: Arc<AtomicU64>,
    /// How many of the lost lines the log has told of, and when.
    told: u64,
    told_at: Option<Instant>,
}

impl<W: Write> Writer<W> {
    fn run(mut self, lines: &Receiver<Line>) {
        for line in lines {
            match line {
                Line::Text(text) => self.write(&text),
                // Whoever asked may have given up.
                Line::Mark(written) => drop(written.try_send(())),
            }
        }
    }

    fn write(&mut self, text: &[u8]) {
        match self.try_write(text) {
            Ok(()) => self.tell_lost(),
            Err(_) => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn try_write(&mut self, mut text: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !text.is_empty() {
            match self.out.write(text) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => text = &text[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }

    /// The log can be written again: it says what is missing. The line takes the way of all lines, so it has their form.
    fn tell_lost(&mut self) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost == self.told || self.told_at.is_some_and(|told_at| told_at.elapsed() < TELL_EVERY) {
            return;
        }
        let lines = lost - std::mem::replace(&mut self.told, lost);
        self.told_at = Some(Instant::now());
        tracing::warn!(lines, "lines of the log are lost: it could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    const SOON: Duration = Duration::from_secs(20);

    fn lines(out: impl Write + Send + 'static) -> (Lines, Arc<AtomicU64>) {
        let lost = Arc::new(AtomicU64::new(0));
        (Lines::to(out, Arc::clone(&lost)).unwrap(), lost)
    }

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // As a pipe does, it takes a part.
            self.0.lock().unwrap().write(&bytes[..bytes.len().min(3)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A device that is full.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A pipe that nobody reads, until the test lets go of its end.
    struct Stalled(Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled() -> (Stalled, Sender<()>) {
        let (reader, stalls) = channel();
        (Stalled(stalls), reader)
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let paper = Paper::default();
        let (lines, lost) = lines(paper.clone());
        for line in ["first\n", "second\n"] {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        lines.flush(SOON);
        assert_eq!((&paper.0.lock().unwrap()[..], lost.load(Ordering::Relaxed)), (&b"first\nsecond\n"[..], 0));
    }

    #[test]
    fn what_a_full_device_does_not_take_is_counted_and_nobody_hears_of_it() {
        let (lines, lost) = lines(Full);
        for _ in 0..3 {
            (&lines).write_all(b"line\n").unwrap();
        }
        lines.flush(SOON);
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn nobody_waits_for_a_pipe_that_nobody_reads_and_only_so_many_lines_wait() {
        let (out, reader) = stalled();
        let (lines, lost) = lines(out);
        for _ in 0..2 * MAX_WAITING {
            (&lines).write_all(b"line\n").unwrap();
        }
        // One may be in the writer's hands.
        assert!((MAX_WAITING as u64 - 1..=MAX_WAITING as u64).contains(&lost.load(Ordering::Relaxed)));
        lines.flush(Duration::from_millis(1));
        drop(reader);
        lines.flush(SOON);
    }
}
