//! What can be learned about other processes.

use std::path::Path;

use super::OwnerRecord;
use crate::storage::FileIdentity;

/// Command line of this process.
pub(super) fn command_line() -> String {
    std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// True when a process with this id exists, whoever it belongs to.
#[cfg(unix)]
pub(super) fn is_alive(pid: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Other systems tell only by the heartbeat.
#[cfg(not(unix))]
pub(super) fn is_alive(_pid: u32) -> bool {
    true
}

/// The process that holds the lock on a file, from the system's table of locks. `None` when the system has no such table,
/// or shows another device number there (as some layered file systems do).
#[cfg(target_os = "linux")]
pub(super) fn holder(path: &Path, identity: FileIdentity) -> Option<OwnerRecord> {
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let device = (
        rustix::fs::major(identity.device),
        rustix::fs::minor(identity.device),
    );
    let pid: u32 = table.lines().find_map(|line| {
        // 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = fields[..] else {
            return None;
        };
        let mut parts = place.split(':');
        let major = u32::from_str_radix(parts.next()?, 16).ok()?;
        let minor = u32::from_str_radix(parts.next()?, 16).ok()?;
        let inode: u64 = parts.next()?.parse().ok()?;
        ((major, minor) == device && inode == identity.inode)
            .then(|| pid.parse().ok())
            .flatten()
    })?;
    describe(pid, path)
}

/// Other systems have no such table.
#[cfg(not(target_os = "linux"))]
pub(super) fn holder(_path: &Path, _identity: FileIdentity) -> Option<OwnerRecord> {
    None
}

/// When a process began, by the system's clock since it was booted.
fn started(pid: u32) -> Option<std::time::SystemTime> {
    use std::time::{Duration, SystemTime};
    /// Hundredths of a second, whatever the kernel counts in itself.
    const TICKS_PER_SECOND: u64 = 100;
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let process = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name, in brackets, with whatever in it; the 22nd is the time.
    let ticks = process.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    let since_boot = Duration::from_millis(ticks.parse::<u64>().ok()? * 1000 / TICKS_PER_SECOND);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot.trim().parse().ok()?) + since_boot)
}

/// What the system tells about a process that writes the memory at `path` and has no record.
pub(super) fn describe(pid: u32, path: &Path) -> Option<OwnerRecord> {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    let now = crate::time::to_rfc3339(std::time::SystemTime::now());
    Some(OwnerRecord {
        pid,
        cmd: command.trim_end().to_owned(),
        started_at: started(pid).map_or_else(|| now.clone(), crate::time::to_rfc3339),
        file_path: path.to_string_lossy().into_owned(),
        file_id: super::file_id(path).ok()?,
        heartbeat_ms: 0,
        last_heartbeat: now,
    })
}
