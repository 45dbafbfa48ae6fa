//! Logs and metrics of a process.
//!
//! Logs are lines of JSON for machines or coloured text for people, on standard error, so that standard output stays
//! free for the commands that print something. Metrics are collected in the process and rendered when somebody asks;
//! which address serves them, and to whom, is the service's business.

mod counters;

use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Upper bounds of the histograms of durations, in seconds: from a cached look-up to a gateway that times out.
const DURATION_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds in seconds of what messages take: from the approval to the provider, from there to the receipt.
const MESSAGE_BUCKETS: &[f64] =
    &[0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0];
/// Histograms of messages.
const MESSAGES: [&str; 3] =
    ["mashang_alert_accepted_seconds", "mashang_alert_delivered_seconds", "mashang_receipt_seconds"];

/// Histograms with this ending hold durations.
const DURATION_SUFFIX: &str = "_seconds";

/// Histograms gather their samples in memory until they are folded; a service that nobody scrapes folds them itself.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// What a log line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line, for log collectors.
    Json,
    /// Text for people, coloured on a terminal.
    #[default]
    Pretty,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("unknown log format `{0}`: json or pretty is wanted")]
    Format(String),
    #[error("the log filter `{filter}` cannot be read: {reason}")]
    Filter { filter: String, reason: String },
    #[error("the buckets of the histograms are refused: {0}")]
    Buckets(String),
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Telemetry {
    metrics: PrometheusHandle,
}

/// Starts logging in `format`, at the levels of `filter` (such as `info,mashang_notifier=debug`), and the collection of
/// metrics.
///
/// There is one subscriber and one recorder a process. A second call changes neither and answers with the same metrics.
///
/// # Errors
/// When the filter cannot be read; nothing is started then.
pub fn init(format: LogFormat, filter: &str) -> Result<Telemetry, TelemetryError> {
    let subscriber = subscriber(format, filter, std::io::stderr)?;
    let metrics = recorder()?;
    counters::begin();
    if subscriber.try_init().is_err() {
        tracing::debug!("logging has been started before; its format and filter stay");
    }
    Ok(Telemetry { metrics })
}

impl Telemetry {
    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.metrics.render()
    }

    /// Keeps the memory of the histograms bounded until `stop`. Run it as a task.
    pub async fn keep_folding(self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(FOLD_EVERY);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.metrics.run_upkeep();
        }
    }
}

/// A subscriber that writes to `writer` and is not installed anywhere.
///
/// # Errors
/// When the filter cannot be read.
pub fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let levels = EnvFilter::try_new(filter)
        .map_err(|e| TelemetryError::Filter { filter: filter.to_owned(), reason: e.to_string() })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        LogFormat::Pretty => Box::new(lines.with_ansi(std::io::stderr().is_terminal())),
    };
    Ok(tracing_subscriber::registry().with(lines).with(levels))
}

fn recorder() -> Result<PrometheusHandle, TelemetryError> {
    static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(DURATION_SUFFIX.to_owned()), DURATION_BUCKETS)
        .map_err(|e| TelemetryError::Buckets(e.to_string()))?;
    for name in MESSAGES {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.to_owned()), MESSAGE_BUCKETS)
            .map_err(|e| TelemetryError::Buckets(e.to_string()))?;
    }
    let install = || {
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; ours stays empty");
        }
        handle
    };
    Ok(INSTALLED.get_or_init(install).clone())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, filter: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).expect("the filter reads");
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(attempt = 2, "sent\nsecond line");
            tracing::debug!("whispered");
        });
        let bytes = page.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_json_event_is_one_line_with_its_fields() {
        let text = written(LogFormat::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&line["attempt"], &line["message"]), (&2.into(), &"sent\nsecond line".into()));
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        assert!(written(LogFormat::Pretty, "debug").contains("whispered"));
        assert!(!written(LogFormat::Pretty, "info").contains("whispered"));
        assert!(subscriber(LogFormat::Json, "info,=loud=", std::io::sink).is_err());
    }

    #[test]
    fn formats_are_words() {
        assert_eq!("json".parse::<LogFormat>().expect("a format"), LogFormat::Json);
        assert!("xml".parse::<LogFormat>().is_err());
    }

    #[test]
    fn starting_twice_is_harmless_and_metrics_are_rendered() {
        let first = init(LogFormat::Pretty, "warn").expect("starts");
        let second = init(LogFormat::Json, "info").expect("starts again");
        metrics::histogram!("mashang_telemetry_test_seconds").record(0.004);
        metrics::counter!("mashang_telemetry_test_total").increment(3);
        for text in [first.render(), second.render()] {
            assert!(text.contains("mashang_telemetry_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
            assert!(text.contains("mashang_telemetry_test_seconds_bucket{le=\"0.002\"} 0"), "{text}");
            assert!(text.contains("mashang_telemetry_test_total 3"), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn folding_ends_when_told() {
        let telemetry = init(LogFormat::Pretty, "warn").expect("starts");
        let stop = CancellationToken::new();
        let folding = tokio::spawn(telemetry.keep_folding(stop.clone()));
        tokio::time::sleep(FOLD_EVERY * 3).await;
        stop.cancel();
        folding.await.expect("ends");
    }
}
