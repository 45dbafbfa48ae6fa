//! A queue that cannot be reached: a part is sent past it, and nothing is marked as queued that it did not get.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mashang_domain::delivery::DeliveryState;
use mashang_infra::queue::{Priority, Queue, QueueError, Receipt, StreamDepth, Taken, Task};
use support::gateway::{Fake, shared};
use support::{Bench, each};
use uuid::Uuid;

/// A queue in front of which somebody pulls the plug.
struct Plugged {
    queue: Arc<dyn Queue>,
    away: AtomicBool,
    /// Whether it still tells how full it is: it goes away in between.
    tells: AtomicBool,
}

impl Plugged {
    fn look(&self) -> Result<(), QueueError> {
        let gone = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        if self.away.load(Ordering::SeqCst) { Err(redis::RedisError::from(gone()).into()) } else { Ok(()) }
    }
}

#[async_trait]
impl Queue for Plugged {
    async fn push(&self, priority: Priority, tasks: &[Task]) -> Result<(), QueueError> {
        self.look()?;
        self.queue.push(priority, tasks).await
    }

    async fn take(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError> {
        self.queue.take(max, wait).await
    }

    async fn done(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        self.queue.done(receipts).await
    }

    async fn depth(&self) -> Result<Vec<StreamDepth>, QueueError> {
        if !self.tells.load(Ordering::SeqCst) {
            self.look()?;
        }
        self.queue.depth().await
    }
}

async fn marked(bench: &Bench, alert: Uuid) -> usize {
    let waits = |d: &mashang_entity::delivery::Model| d.state == DeliveryState::Pending;
    bench.deliveries(alert).await.iter().filter(|d| waits(d) && d.lease_until.is_some()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_marked_as_queued_that_the_queue_did_not_get() {
    each(&[("NOTIFIER__BATCH", "50"), ("NOTIFIER__CHUNK", "500")], async |mut bench| {
        let plug = Arc::new(Plugged {
            queue: Arc::clone(&bench.queue),
            away: AtomicBool::new(true),
            tells: AtomicBool::new(false),
        });
        bench.queue = plug.clone();
        // Others have work in it: whoever finds it empty would look for everything again.
        plug.queue.push(Priority::Alert, &[Task::FanOut { alert: Uuid::nil() }]).await.unwrap();
        let people = bench.people(1_200).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let idle = bench.assemble(vec![gateway.clone()]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        assert_eq!(marked(&bench, alert).await, 0, "{}: by the fan-out", bench.name);
        for (tells, reached) in [(false, 50), (true, 100), (true, 150)] {
            plug.tells.store(tells, Ordering::SeqCst);
            assert_eq!(idle.notifier.sweep().await.queued, 50, "{}", bench.name);
            assert_eq!(fake.reached().len(), reached, "{}: a part is sent past the queue", bench.name);
            assert_eq!(marked(&bench, alert).await, 0, "{}: by the sweep", bench.name);
        }
        plug.away.store(false, Ordering::SeqCst);
        assert_eq!(idle.notifier.sweep().await.queued, 1_050, "{}: at once", bench.name);
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_eq!(fake.times().len(), 1_200);
        running.stop().await;
    })
    .await;
}
