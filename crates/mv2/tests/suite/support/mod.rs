//! Files written by the reference implementation and by an independent writer, with what they must give.

use std::path::{Path, PathBuf};

use mv2::recover::{self, Located};
use mv2::toc::{self, DecodedToc};
use mv2::wal::{self, WalScan};
use serde_json::Value;

/// The folder with the fixture sets, shared by the whole project; it is not part of this repository.
pub fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if folder.join("mv2/MANIFEST.json").exists() {
        Some(folder)
    } else {
        println!("not run: {} does not exist", folder.display());
        None
    }
}

/// The independent reader of the format, when it and Python are there.
pub fn dump_script() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/format/mv2dump.py");
    let has_modules = std::process::Command::new("python3")
        .args(["-c", "import blake3, zstandard"])
        .output()
        .is_ok_and(|output| output.status.success());
    if script.exists() && has_modules {
        Some(script)
    } else {
        println!(
            "not run: {} or python3 with blake3 and zstandard is missing",
            script.display()
        );
        None
    }
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Name, bytes and manifest entry of each file of the first set.
pub fn container_files() -> Vec<(String, Vec<u8>, Value)> {
    let Some(folder) = fixtures() else {
        return Vec::new();
    };
    let manifest = json(&folder.join("mv2/MANIFEST.json"));
    let files = manifest["files"].as_array().unwrap();
    assert!(files.len() > 40);
    files
        .iter()
        .map(|entry| {
            let name = entry["file"].as_str().unwrap().to_owned();
            let bytes = std::fs::read(folder.join("mv2").join(&name)).unwrap();
            (name, bytes, entry.clone())
        })
        .collect()
}

/// Name, bytes and manifest entry of each `.mv2` file of the second set.
pub fn index_files() -> Vec<(String, Vec<u8>, Value)> {
    let Some(folder) = fixtures() else {
        return Vec::new();
    };
    let manifest = json(&folder.join("mv2-index/MANIFEST.json"));
    manifest["fixtures"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with(".mv2"))
        .map(|(name, entry)| {
            let bytes = std::fs::read(folder.join("mv2-index").join(name)).unwrap();
            (name.clone(), bytes, entry.clone())
        })
        .collect()
}

/// All files of both sets.
pub fn all_files() -> Vec<(String, Vec<u8>)> {
    container_files()
        .into_iter()
        .chain(index_files())
        .map(|(name, bytes, _)| (name, bytes))
        .collect()
}

pub struct Opened {
    pub located: Located,
    pub toc: DecodedToc,
    pub wal: WalScan,
}

/// Everything a reader needs from the bytes of a file.
pub fn open(bytes: &[u8]) -> mv2::Result<Opened> {
    let located = recover::locate(bytes, Path::new("fixture.mv2"))?;
    let toc = toc::decode(located.toc(bytes)?)?;
    let wal = wal::scan(
        wal::region(bytes, &located.header)?,
        located.header.wal_sequence,
    );
    Ok(Opened { located, toc, wal })
}
