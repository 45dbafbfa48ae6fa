//! How a process ends, and how it shows that it is alive until then.
//!
//! Shutdown has two stages. *Soft*: loops take no more work and finish what they hold. *Hard*, after a time-out or a
//! second signal: what still runs is dropped at its next await. Work that is spawned here is counted, so the process
//! knows when it is empty; a panic in it is logged and counted and ends that task only.
//!
//! A loop that goes round but gets nowhere looks healthy from outside, so every loop has a heartbeat: the seconds since
//! it last made progress, as a metric with an alarm on it.

mod heartbeat;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

pub use heartbeat::Heartbeat;
use heartbeat::Heartbeats;

/// How long tasks get to be dropped once the hard stage has begun.
const DROP_TIME: Duration = Duration::from_secs(1);

/// The two stages of the shutdown and the tasks that it waits for. Clones share both.
#[derive(Clone, Default)]
pub struct Lifecycle {
    /// Cancelled when no more work is to be taken.
    pub soft: CancellationToken,
    /// Cancelled when work that is still held is to be dropped.
    pub hard: CancellationToken,
    tasks: TaskTracker,
    heartbeats: Heartbeats,
}

/// How [`Lifecycle::wait`] came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every task finished what it held.
    Clean,
    /// The hard stage dropped tasks.
    Forced {
        /// Tasks that ran when it began.
        dropped: usize,
    },
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the first SIGTERM or SIGINT begins the soft stage and the second the hard one.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let life = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                life.signalled(name);
            }
        });
        Ok(())
    }

    fn signalled(&self, name: &str) {
        if self.soft.is_cancelled() {
            warn!(signal = name, "stopping at once, on the second signal");
            self.hard.cancel();
        } else {
            info!(
                signal = name,
                tasks = self.tasks.len(),
                "stopping: finishing what is held, taking no more"
            );
            self.soft.cancel();
        }
    }

    /// Begins the soft stage.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Runs `future` as a task that [`Lifecycle::wait`] waits for and the hard stage drops. `name` labels its metrics.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.hard.clone();
        // Begins at zero, or the alarm would not see the first.
        metrics::counter!("mashang_task_panics_total", "task" => name).increment(0);
        self.tasks.spawn(async move {
            let guarded = AssertUnwindSafe(hard.run_until_cancelled(future)).catch_unwind();
            match guarded.await {
                Ok(Some(())) => {}
                Ok(None) => warn!(task = name, "dropped before its end"),
                Err(panic) => {
                    metrics::counter!("mashang_task_panics_total", "task" => name).increment(1);
                    error!(task = name, panic = panic_text(&*panic), "a task panicked");
                }
            }
        });
    }

    /// Tasks that are running.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until all tasks have ended, at most for `timeout`; then begins the hard stage. Call it when the soft stage
    /// has begun, or nothing may ever end. Returns a second after the hard stage at the latest.
    pub async fn wait(&self, timeout: Duration) -> Ending {
        self.tasks.close();
        tokio::select! {
            biased;
            () = self.tasks.wait() => return Ending::Clean,
            () = self.hard.cancelled() => {}
            () = tokio::time::sleep(timeout) => {}
        }
        let dropped = self.tasks.len();
        warn!(tasks = dropped, "tasks did not finish in time");
        self.hard.cancel();
        if tokio::time::timeout(DROP_TIME, self.tasks.wait()).await.is_err() {
            error!(tasks = self.tasks.len(), "tasks hold their thread and cannot be dropped");
        }
        Ending::Forced { dropped }
    }

    /// The heartbeat of the loop called `loop_name`; the same name gives the same heartbeat. It counts as progress.
    pub fn heartbeat(&self, loop_name: &'static str) -> Heartbeat {
        self.heartbeats.of(loop_name)
    }

    /// Sets the metric `mashang_loop_idle_seconds` of every loop to the seconds since its last progress, every `every`
    /// until the soft stage. Run it as a task.
    pub async fn report_heartbeats(self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        while self.soft.run_until_cancelled(ticks.tick()).await.is_some() {
            self.heartbeats.report();
        }
    }

    /// Loops without progress for longer than `limit`, by name.
    pub fn stalled(&self, limit: Duration) -> Vec<&'static str> {
        self.heartbeats.idle().into_iter().filter(|(_, idle)| *idle > limit).map(|(name, _)| name).collect()
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests;
