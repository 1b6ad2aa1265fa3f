//! The bodies of the fuzz targets: what is done with any bytes. A panic is a finding, and so is a broken promise.

mod capsule;
mod files;
mod operations;
mod parts;
mod query;

/// One target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Whether panics of the full-text library that are caught and become errors are no finding.
    pub may_catch: bool,
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "open_bytes",
        run: files::open_bytes,
        may_catch: true,
    },
    Target {
        name: "repair",
        run: files::repair,
        may_catch: true,
    },
    Target {
        name: "wal_replay",
        run: files::wal_replay,
        may_catch: false,
    },
    Target {
        name: "toc_decode",
        run: parts::toc_decode,
        may_catch: false,
    },
    Target {
        name: "capsule",
        run: capsule::capsule,
        may_catch: false,
    },
    Target {
        name: "query_parser",
        run: query::query_parser,
        may_catch: false,
    },
    Target {
        name: "operations",
        run: operations::operations,
        may_catch: false,
    },
    Target {
        name: "lex_segment",
        run: parts::lex_segment,
        may_catch: true,
    },
    Target {
        name: "vec_segment",
        run: parts::vec_segment,
        may_catch: false,
    },
];

/// The target with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs a target. A panic is a finding.
///
/// # Panics
/// When there is none with this name, or when it found something.
pub fn run(name: &str, data: &[u8]) {
    (named(name).unwrap().run)(data);
}

/// Before a target is run by a fuzzer that ends the process with any panic: those that are caught where they may be are let
/// through to where they are.
///
/// # Panics
/// When there is none with this name.
pub fn prepare(name: &str) {
    if named(name).unwrap().may_catch {
        std::panic::set_hook(Box::new(|information| eprintln!("{information}")));
    }
    // The templates are made with the first input, which takes too long under a sanitizer to be timed.
    run(name, &[]);
}

/// A folder in memory, one for each thread, that holds the files a target needs.
fn with_folder<T>(run: impl FnOnce(&std::path::Path) -> T) -> T {
    thread_local! {
        static FOLDER: tempfile::TempDir = {
            let memory = std::path::Path::new("/dev/shm");
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
        };
    }
    FOLDER.with(|folder| run(folder.path()))
}
