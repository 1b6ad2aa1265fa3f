//! Workloads that start with a file that the reference wrote, where such files are at hand.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use engine::{Memory, OpenMode};
use fastrand::Rng;

use crate::check::{Depth, Finding, compare};
use crate::model::{Model, Planned, Stored, Vector};
use crate::run::{NAME, open, scratch};

/// Folders of them, from the folder of this package.
const FOLDERS: [&str; 2] = [
    "../../../shared/fixtures/mv2",
    "../../../shared/fixtures/mv2-index",
];

/// Files of the reference that are whole: read once, they can be compared with what they held.
pub fn files() -> &'static [PathBuf] {
    static FILES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files: Vec<PathBuf> = FOLDERS
            .iter()
            .flat_map(|folder| {
                std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            })
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "mv2"))
            .collect();
        files.sort();
        files.retain(|file| is_whole(file).unwrap_or(false));
        files
    })
}

/// The file with a number; `None` where there are none.
#[must_use]
pub fn file(number: u64) -> Option<&'static Path> {
    let files = files();
    let index = number.checked_rem(files.len() as u64)?;
    files.get(index as usize).map(PathBuf::as_path)
}

fn is_whole(file: &Path) -> Result<bool, Finding> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let folder = scratch().map_err(|error| failed(&error))?;
    let path = folder.path().join(NAME);
    std::fs::copy(file, &path).map_err(|error| failed(&error))?;
    let memory = open(&path, OpenMode::Open, true).map_err(|error| failed(&error))?;
    let model = model_of(&memory)?;
    let mut random = Rng::with_seed(0);
    if compare(&memory, &model, Depth::Whole, &mut random).is_err() {
        return Ok(false);
    }
    // Nor does anything get lost when it is written anew.
    let vacuum = engine::DoctorOptions {
        vacuum: true,
        ..engine::DoctorOptions::default()
    };
    let report = engine::doctor_file(&path, &vacuum, std::time::Duration::ZERO);
    let report = report.map_err(|error| failed(&error))?;
    let findings = report["findings"].as_array().map_or(1, Vec::len);
    Ok(report["status"] == "healed" && findings == 0)
}

/// What a memory holds, as it says itself.
pub fn model_of(memory: &Memory) -> Result<Model, Finding> {
    let failed = |error: engine::Error| format!("a file of the reference: {error}");
    let snapshot = memory.snapshot("model").map_err(failed)?;
    let mut model = Model::absent(8);
    model.exists = true;
    model.lex = memory.lex_is_enabled();
    for id in 0..snapshot.frame_count() {
        let Ok(frame) = memory.frame(id) else {
            model.removed.insert(id);
            continue;
        };
        if frame.parent_id.is_some() || frame.role != "Document" {
            continue;
        }
        let content = memory.asset(id).map_err(failed)?.data;
        let embedding = snapshot.embedding(id).map_err(failed)?;
        let vector = embedding.map(|embedding| Vector {
            numbers: Arc::clone(&embedding.vector),
            model: embedding.identity.model.clone().unwrap_or_default(),
        });
        if let Some(vector) = &vector {
            model.dimension = vector.numbers.len();
            model.model.clone_from(&vector.model);
        }
        let picture = snapshot.picture(id).map_err(failed)?;
        let picture = picture.map(|picture| picture.vector);
        let planned = Planned {
            word: None,
            content,
            names: [Some(frame.title), Some(frame.uri), frame.kind, frame.track],
            keywords: [frame.tags, frame.labels],
            timestamp: frame.timestamp,
            metadata: frame.metadata,
            vector: vector.clone(),
            picture: picture.clone(),
        };
        let stored = Stored {
            planned: Arc::new(planned),
            vector,
            picture,
            supersedes: frame.supersedes,
            superseded_by: frame.superseded_by,
        };
        model.documents.insert(id, stored);
    }
    Ok(model)
}
