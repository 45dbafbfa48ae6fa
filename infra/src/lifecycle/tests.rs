use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

const GRACE: Duration = Duration::from_secs(10);

/// Holds one piece of work until the soft stage, then takes `tail` to finish it.
fn worker(life: &Lifecycle, tail: Duration) -> Arc<AtomicBool> {
    let finished = Arc::new(AtomicBool::new(false));
    let (soft, flag) = (life.soft.clone(), finished.clone());
    life.spawn("worker", async move {
        soft.cancelled().await;
        tokio::time::sleep(tail).await;
        flag.store(true, Ordering::SeqCst);
    });
    finished
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_finished() {
    let life = Lifecycle::new();
    let finished = worker(&life, Duration::from_secs(8));
    life.stop();
    assert_eq!(life.wait(GRACE).await, Ending::Clean);
    assert!(finished.load(Ordering::SeqCst) && !life.hard.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_dropped() {
    let life = Lifecycle::new();
    let finished = worker(&life, Duration::from_secs(60));
    life.stop();
    let begun = tokio::time::Instant::now();
    assert_eq!(life.wait(GRACE).await, Ending::Forced { dropped: 1 });
    assert!(begun.elapsed() < GRACE + DROP_TIME && life.running() == 0);
    assert!(!finished.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn the_hard_stage_does_not_wait_for_the_time_out() {
    let life = Lifecycle::new();
    worker(&life, Duration::from_secs(60));
    life.signalled("first");
    assert!(life.soft.is_cancelled() && !life.hard.is_cancelled());
    life.signalled("second");
    let begun = tokio::time::Instant::now();
    assert_eq!(life.wait(GRACE).await, Ending::Forced { dropped: 1 });
    assert!(begun.elapsed() < DROP_TIME);
}

#[tokio::test]
async fn a_signal_of_the_operating_system_begins_the_soft_stage() {
    let life = Lifecycle::new();
    life.listen_for_signals().expect("handlers");
    let me = std::process::id().to_string();
    for (name, stage) in [("-TERM", &life.soft), ("-INT", &life.hard)] {
        assert!(!stage.is_cancelled());
        let killed = Command::new("kill").args([name, &me]).status().expect("kill runs");
        assert!(killed.success());
        tokio::time::timeout(GRACE, stage.cancelled()).await.expect("the stage begins");
    }
}

#[test]
fn a_panic_is_counted_and_ends_its_task_only() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let life = Lifecycle::new();
            let finished = worker(&life, Duration::ZERO);
            life.spawn("clumsy", async { panic!("stumbled") });
            life.stop();
            assert_eq!(life.wait(GRACE).await, Ending::Clean);
            assert!(finished.load(Ordering::SeqCst));
        });
    });
    assert!(rendered.render().contains("mashang_task_panics_total{task=\"clumsy\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_loop_without_progress_is_named() {
    let life = Lifecycle::new();
    let (sweep, relay) = (life.heartbeat("sweep"), life.heartbeat("relay"));
    tokio::time::sleep(Duration::from_secs(40)).await;
    relay.beat();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(life.stalled(Duration::from_secs(60)), ["sweep"]);
    sweep.beat();
    assert!(life.stalled(Duration::from_secs(60)).is_empty());
}

#[test]
fn heartbeats_are_a_metric() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let life = Lifecycle::new();
            let _sweep = life.heartbeat("sweep");
            life.spawn("heartbeats", life.clone().report_heartbeats(Duration::from_secs(5)));
            tokio::time::sleep(Duration::from_secs(31)).await;
            life.stop();
            assert_eq!(life.wait(GRACE).await, Ending::Clean);
        });
    });
    assert!(
        rendered.render().contains("mashang_loop_idle_seconds{loop=\"sweep\"} 30"),
        "{}",
        rendered.render()
    );
}
