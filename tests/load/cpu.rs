//! CPU time of a process and all it started: the measure that a noisy machine disturbs least.

use std::fs;

/// Clock ticks a second in `/proc`; fixed on Linux.
const TICKS: f64 = 100.0;

/// Seconds of CPU that a process, its children and their ended children have used; 0 when it is gone.
pub fn seconds(pid: u32) -> f64 {
    let own = ticks(pid).unwrap_or(0.0) / TICKS;
    own + children(pid).into_iter().map(seconds).sum::<f64>()
}

/// Resident memory in MB.
pub fn resident_mb(pid: u32) -> f64 {
    megabytes(pid, "VmRSS:")
}

/// Of it, what no file holds.
pub fn anonymous_mb(pid: u32) -> f64 {
    megabytes(pid, "RssAnon:")
}

/// The most memory that was resident so far, in MB.
pub fn peak_mb(pid: u32) -> f64 {
    megabytes(pid, "VmHWM:")
}

fn megabytes(pid: u32, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(what)).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// utime, stime, cutime and cstime: the fields 14 to 17, counted from behind the name, which may hold spaces.
fn ticks(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    Some(after_name.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum())
}

fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|n| n.parse::<u32>().ok()));
    }
    found
}
