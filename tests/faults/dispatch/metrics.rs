//! What a process says of itself at `/metrics`.

use std::time::Duration;

use crate::wire::get;

/// The text of one answer.
pub struct Metrics(pub String);

impl Metrics {
    pub async fn of(port: u16) -> anyhow::Result<Self> {
        let answer = get(port, "/metrics", Duration::from_secs(5)).await?;
        Ok(Self(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// The sum of a metric over its series that have this label.
    pub fn sum(&self, name: &str, label: &str) -> f64 {
        self.values(name, label).sum()
    }

    /// One series, or the only one; `None` where the process does not have it.
    pub fn value(&self, name: &str, label: &str) -> Option<f64> {
        self.values(name, label).next()
    }

    fn values<'a>(&'a self, name: &'a str, label: &'a str) -> impl Iterator<Item = f64> + 'a {
        let of_it = move |line: &&str| {
            let series =
                line.strip_prefix(name).and_then(|rest| rest.split_once(' ')).map(|(labels, _)| labels);
            series.is_some_and(|labels| {
                (labels.is_empty() || labels.starts_with('{')) && labels.contains(label)
            })
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok());
        self.0.lines().filter(of_it).filter_map(value)
    }
}
