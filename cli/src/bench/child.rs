//! The child process of a case: how it is started, heard, and ended; and what it does.
//!
//! The child writes one message, a line of JSON, to its standard output: [`Message::Done`] or
//! [`Message::Failed`]. Whatever else it prints, there or to its standard error, is kept (its first and
//! its last lines) and becomes part of the row if the case fails.
//!
//! A figure counts only if the child then also ends with success: a crash on the way out is a crash.

use super::case::Case;
use super::peers;
use super::runner::{self, Figures};
use super::series::Broken;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How many lines of what a failed child said are kept: the first ones, where it says why, and the last.
const FIRST_LINES: usize = 5;
const KEPT_LINES: usize = 20;

/// What a Rust program ends with after a panic.
const PANICKED: i32 = 101;

/// From the child to its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// The run is over.
    Done(Figures),
    /// There is no figure, since ..
    Failed(String),
}

/// What the parent hears.
enum Heard {
    Message(Message),
    /// A line that is not a message.
    Line(String),
}

/// Measures a case in a child process, which is killed when `limit` has passed.
pub(crate) fn measure(case: &Case, limit: Duration) -> Result<Figures, Broken> {
    peers::prepare(case.peer).map_err(|error| Broken { error, output: String::new() })?;
    let started = command(case).and_then(|mut it| it.spawn());
    let child = started.map_err(|error| {
        let error = format!("the child did not start: {error}");
        Broken { error, output: String::new() }
    })?;
    hear_out(child, limit)
}

/// Listens to a child until it has ended, or `limit` has passed and it is killed.
fn hear_out(mut child: Child, limit: Duration) -> Result<Figures, Broken> {
    let deadline = Instant::now() + limit;
    let heard = listen(&mut child);
    let mut story = Story::default();
    let in_time = story.follow(&heard, deadline);
    let status = wait(&mut child, deadline, in_time);
    // The reader of what is left ends with the child's end of the pipes.
    story.follow(&heard, Instant::now() + Duration::from_millis(200));
    story.end(status, limit)
}

fn command(case: &Case) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bench-case").arg(serde_json::to_string(case)?);
    pipe(&mut command);
    Ok(command)
}

/// It is told nothing, and heard.
fn pipe(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Reads both pipes on threads of their own, which end when the pipes do.
fn listen(child: &mut Child) -> Receiver<Heard> {
    let (send, heard) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        read_lines(out, send.clone(), |line| match serde_json::from_str(&line) {
            Ok(message) => Heard::Message(message),
            Err(_) => Heard::Line(line),
        });
    }
    if let Some(err) = child.stderr.take() {
        read_lines(err, send, Heard::Line);
    }
    heard
}

fn read_lines(
    pipe: impl Read + Send + 'static,
    send: Sender<Heard>,
    hear: impl Fn(String) -> Heard + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if send.send(hear(line)).is_err() {
                return;
            }
        }
    });
}

/// Waits for the child to end, until `deadline`, and kills it then. `None`: it was killed.
fn wait(child: &mut Child, deadline: Instant, in_time: bool) -> Option<ExitStatus> {
    if in_time {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                _ => break,
            }
        }
    }
    // It may have ended meanwhile; `wait` then only takes the body away.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// What a child has said so far.
#[derive(Default)]
struct Story {
    outcome: Option<Result<Figures, String>>,
    lines: VecDeque<String>,
}

impl Story {
    /// Listens until the child has closed its pipes; false if `deadline` came first.
    fn follow(&mut self, heard: &Receiver<Heard>, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match heard.recv_timeout(left) {
                Ok(Heard::Message(Message::Done(run))) => self.outcome = Some(Ok(run)),
                Ok(Heard::Message(Message::Failed(error))) => self.outcome = Some(Err(error)),
                Ok(Heard::Line(line)) => {
                    self.lines.push_back(line);
                    if self.lines.len() > KEPT_LINES {
                        self.lines.remove(FIRST_LINES);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn end(self, status: Option<ExitStatus>, limit: Duration) -> Result<Figures, Broken> {
        let error = match (status, self.outcome) {
            (Some(status), Some(Ok(run))) if status.success() => return Ok(run),
            (None, _) => format!("timed out after {} s and was killed", limit.as_secs_f64()),
            (Some(_), Some(Err(error))) => error,
            (Some(status), Some(Ok(_))) => format!("measured, and then ended by {status}"),
            (Some(status), None) => format!("ended by {status}"),
        };
        let lines: Vec<String> = self.lines.into();
        Err(Broken { error, output: lines.join("\n") })
    }
}

/// The child's whole program.
pub(crate) fn main(case: &str) -> ExitCode {
    // A killed parent leaves no benchmark running. If the kernel refuses, that is all that is lost.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    end_on_panic();
    let case: Case = match serde_json::from_str(case) {
        Ok(case) => case,
        Err(error) => {
            eprintln!("error: `sortie bench` starts this command, with a case: {error}");
            return ExitCode::from(2);
        }
    };
    let (message, code) = match runner::run(&case) {
        Ok(run) => (Message::Done(run), ExitCode::SUCCESS),
        Err(failure) => (Message::Failed(failure.to_string()), ExitCode::FAILURE),
    };
    tell(&message);
    code
}

/// A panic on any thread ends the process, once it is told: who waits for what that thread was to do would wait for
/// ever, and the command until the time-out.
fn end_on_panic() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::exit(PANICKED);
    }));
}

fn tell(message: &Message) {
    let mut line = serde_json::to_string(message).expect("a message is plain data");
    line.push('\n');
    // Without a parent there is nobody to tell.
    let _ = io::stdout().write_all(line.as_bytes());
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::super::runner::Figures;
    use super::super::series::Broken;
    use super::{FIRST_LINES, KEPT_LINES, hear_out, pipe};
    use std::process::Command;
    use std::time::{Duration, Instant};

    /// Longer than any of them takes.
    const LONG: Duration = Duration::from_secs(60);

    const DONE: &str = r#"echo '{"done":{"ops":7,"ns_per_op":2.5,"extra":{}}}'"#;

    /// What is heard of a child that does as a script says.
    fn heard(script: &str, limit: Duration) -> Result<Figures, Broken> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        pipe(&mut command);
        hear_out(command.spawn().expect("a shell"), limit)
    }

    #[test]
    fn figures_are_heard() {
        let figures = heard(DONE, LONG).unwrap();
        assert_eq!((figures.ops, figures.ns_per_op), (7, 2.5));
    }

    #[test]
    fn a_crash_is_told_with_what_was_printed_before() {
        let broken = heard("echo so far; echo so bad >&2; kill -SEGV $$", LONG).unwrap_err();
        assert!(broken.error.contains("signal: 11"), "{broken:?}");
        assert!(broken.output.contains("so far") && broken.output.contains("so bad"), "{broken:?}");
    }

    #[test]
    fn a_crash_on_the_way_out_is_a_crash() {
        let broken = heard(&format!("{DONE}; kill -ABRT $$"), LONG).unwrap_err();
        assert!(broken.error.contains("measured, and then ended by"), "{broken:?}");
        assert!(broken.error.contains("signal: 6"), "{broken:?}");
    }

    #[test]
    fn one_that_hangs_is_killed_in_time() {
        let start = Instant::now();
        let broken = heard("echo so far; exec sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(start.elapsed() < LONG, "it was waited for");
        assert_eq!(broken.error, "timed out after 0.2 s and was killed");
        assert_eq!(broken.output, "so far");
    }

    #[test]
    fn one_that_hangs_with_its_pipes_closed_is_killed_too() {
        let script = format!("{DONE}; exec sleep 600 >&- 2>&-");
        let broken = heard(&script, Duration::from_millis(200)).unwrap_err();
        assert!(broken.error.starts_with("timed out"), "{broken:?}");
    }

    #[test]
    fn what_it_says_of_a_failure_is_the_error() {
        let broken = heard(r#"echo '{"failed":"no memory"}'; exit 1"#, LONG).unwrap_err();
        assert_eq!(broken.error, "no memory");
    }

    #[test]
    fn of_much_that_is_printed_the_first_and_the_last_lines_are_kept() {
        let broken = heard("seq 1 1000; exit 3", LONG).unwrap_err();
        assert_eq!(broken.error, "ended by exit status: 3");
        let lines: Vec<_> = broken.output.lines().collect();
        assert_eq!(lines.len(), KEPT_LINES);
        assert_eq!(lines[..FIRST_LINES], ["1", "2", "3", "4", "5"]);
        assert_eq!(lines.last(), Some(&"1000"));
    }
}
