//! The binary as a process of its own, in an empty folder and without anybody's settings. Whatever waits has a limit.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// For what takes milliseconds on a machine that has nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("byway-binary-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub fn with(self, file: &str, content: &str) -> Self {
        std::fs::write(self.0.join(file), content).expect("a new file");
        self
    }

    /// The binary, to be run here.
    pub fn byway(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_byway"));
        let inherited = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BYWAY_"));
        for (name, _) in inherited {
            command.env_remove(name);
        }
        command.args(arguments).envs(variables.iter().copied()).current_dir(&self.0);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Runs the binary to its end.
pub fn run(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = folder.byway(arguments, variables).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

/// The binary, to serve on any free port, with a log that tests can read.
pub fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let listen: &[&str] = if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    folder.byway(&[listen, &["--log-format", "json"], arguments].concat(), &[])
}

/// A server that serves. It is killed when it is dropped.
pub struct Byway {
    /// `127.0.0.1:4711`
    pub address: String,
    /// What it printed at the start.
    pub table: String,
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
    _folder: Folder,
}

impl Byway {
    /// On any free port.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(Folder::new(), arguments)
    }

    pub fn start_in(folder: Folder, arguments: &[&str]) -> Self {
        Self::start_logging_to(Stdio::piped(), folder, arguments)
    }

    /// With another stderr than one that the test reads.
    pub fn start_logging_to(stderr: Stdio, folder: Folder, arguments: &[&str]) -> Self {
        let command = command(&folder, arguments);
        Self::spawn(command, stderr, folder)
    }

    /// As a file says, which has to say `server.listen` then.
    pub fn of_file(folder: Folder, file: &str) -> Self {
        let folder = folder.with("byway.toml", file);
        Self::spawn(folder.byway(&[], &[]), Stdio::piped(), folder)
    }

    fn spawn(mut command: Command, stderr: Stdio, folder: Folder) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("it starts");
        let out = lines(child.stdout.take().expect("piped"));
        let log = child.stderr.take().map_or_else(|| channel().1, lines);
        let table = until(&out, |line| line.contains("Ctrl-C stops")).join("\n");
        let address = table.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        Self { address, table, child, out, log, _folder: folder }
    }

    /// Waits for a line of the log.
    pub fn logged(&self, text: &str) -> serde_json::Value {
        serde_json::from_str(&self.line(text)).expect("a line of JSON")
    }

    /// The same, as it is written.
    pub fn line(&self, text: &str) -> String {
        until(&self.log, |line| line.contains(text)).pop().expect("the line")
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end, which closes stdout; answers the exit code.
    pub fn exit_code(&mut self) -> i32 {
        let mut closed = self.out.recv_timeout(PATIENCE);
        while closed.is_ok() {
            closed = self.out.recv_timeout(PATIENCE);
        }
        assert_eq!(closed, Err(RecvTimeoutError::Disconnected), "it ends");
        self.child.wait().expect("it has ended").code().expect("by itself")
    }
}

impl Drop for Byway {
    fn drop(&mut self) {
        // Either may fail where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of a pipe, read by a thread so that waiting for them can have a limit.
pub fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more, but the process must not be blocked by a full pipe.
            sender.send(line).ok();
        }
    });
    receiver
}

/// Lines up to the first that fits.
pub fn until(lines: &Receiver<String>, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| fits(line)) {
        let line = lines.recv_timeout(PATIENCE);
        seen.push(line.unwrap_or_else(|_| panic!("the line did not come; these did: {seen:#?}")));
    }
    seen
}
