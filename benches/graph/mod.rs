//! What the benchmarks of large plans share: the layered graph, and how a tool
//! that runs is measured. Unaware of which tool.

use std::error::Error;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Returns what each node needs: two of the layer before, none in the first.
/// Layers have ceil(sqrt N) nodes.
pub(crate) fn needs(node: usize, nodes: usize) -> Vec<String> {
    let width = nodes.isqrt() + usize::from(nodes.isqrt().pow(2) < nodes);
    let (layer, column) = (node / width, node % width);
    let Some(before) = layer.checked_sub(1) else {
        return Vec::new();
    };
    let mut list = vec![before * width + column, before * width + (column + 1) % width];
    list.sort_unstable();
    list.dedup();
    list.iter().map(|need| format!("n{need}")).collect()
}

/// Runs a command and looks at its own peak memory all the while, in KiB.
pub(crate) fn peak(command: &mut Command) -> Result<u64> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(size.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(peak)
}

pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
