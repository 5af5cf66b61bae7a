//! What a running process takes of the machine, from `/proc` (proc_pid_stat(5)).

use std::time::{Duration, Instant};

/// Linux counts processor time in these units for user space on every architecture (time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory and processor time of a process.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Resident memory in MiB.
    pub resident_mib: f64,
    /// Processor time per second of time, 1.0 being one core.
    pub cores: f64,
}

/// Watches a process for a while.
pub fn watch(pid: u32, span: Duration) -> Use {
    let start = Instant::now();
    let before = cpu_seconds(pid);
    std::thread::sleep(span);
    let cores = (cpu_seconds(pid) - before) / start.elapsed().as_secs_f64();
    Use { resident_mib: resident_kib(pid) / 1024.0, cores }
}

/// Processor time of a process so far, in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may hold blanks; the fields after it do not. utime and stime are the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / TICKS_PER_SECOND
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
