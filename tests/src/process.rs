//! One of our binaries as a child process: started, listened to, told to stop, killed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long a process may take to say where it listens. Generous: many tests share two cores.
const START: Duration = Duration::from_secs(60);

/// The path of a binary of this workspace: beside this program, or above it where it is a test.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let found = program.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|p| p.is_file());
    found.with_context(|| format!("{name} is not built: `cargo build --workspace` makes it"))
}

/// A running child. Killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    lines: Receiver<String>,
}

impl Process {
    /// Starts `name ARGS` with this environment alone; stderr is appended to `log`.
    pub fn start(name: &str, args: &[&str], env: &[(String, String)], log: &Path) -> anyhow::Result<Self> {
        let errors = File::options().create(true).append(true).open(log)?;
        let mut child = command(name, args, env)?
            .current_dir(log.parent().context("a log lies in a folder")?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let (say, lines) = channel();
        let stdout = child.stdout.take().context("stdout")?;
        // Read to the end, so that the child never waits for its reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), lines })
    }

    /// The next line of stdout.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.wait(Duration::from_secs(5));
                    bail!("{} ended ({status:?}): {}", self.name, self.log_text());
                }
            }
        }
        bail!("{} said nothing in {START:?}: {}", self.name, self.log_text())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; the exit status if it ends in time.
    pub fn terminate(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.signal("TERM");
        self.wait(patience)
    }

    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if begun.elapsed() > patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command with nothing of ours left over from the surrounding environment.
pub fn command(name: &str, args: &[&str], env: &[(String, String)]) -> anyhow::Result<Command> {
    let mut command = Command::new(binary(name)?);
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("MASHANG_")) {
        command.env_remove(key);
    }
    command.args(args).envs(env.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    Ok(command)
}
