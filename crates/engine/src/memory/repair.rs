//! Reading past damage, and repair of a memory that is open.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::{Value, json};

use super::Memory;
use crate::doctor::{DoctorOptions, doctor_file};
use crate::error::{Code, Error, Result};
use crate::lex_sections::lex_enabled;
use crate::options::OpenOptions;
use crate::salvage::{Finding, Image, Purpose, Source, image, survey};
use crate::undisturbed::undisturbed;

/// What is known of a memory that is open for salvage.
#[derive(Debug, Clone, Serialize)]
pub struct Salvaged {
    /// What is wrong with the file.
    pub findings: Vec<Finding>,
    /// Frames that are lost.
    pub lost_frames: Vec<u64>,
    /// Frames whose content is damaged; the rest of them is intact.
    pub lost_content: Vec<u64>,
    /// Active frames whose vector is damaged.
    pub lost_vectors: Vec<u64>,
    /// Active frames whose picture is not found any more, because its vector is damaged.
    pub lost_pictures: Vec<u64>,
    /// Size of the file.
    #[serde(skip)]
    pub size: u64,
}

impl Memory {
    /// Opens what can be rescued of a file, as a memory that can only be read. The file is copied, as far as it is intact,
    /// into one without a name among the temporary files of the system; what happens to it afterwards is not seen. Nobody is
    /// waited for who writes it, as long as there is a moment without a change.
    ///
    /// Fails with MV012 when nothing can be rescued, and with MV001 when the folder for temporary files has no room.
    pub(super) fn open_salvage(path: &Path, real: PathBuf, options: OpenOptions) -> Result<Self> {
        if !options.read_only {
            return Err(Error::invalid("salvage", true, "together with readOnly"));
        }
        let folder = std::env::temp_dir();
        let looked = undisturbed(&real, path, options.lock_timeout, |storage, size| {
            let survey = Source::of(storage, size, &folder)
                .map_err(|error| of_copy(error, &folder))
                .and_then(|source| survey(&source, path))?;
            let image = mv2::disk::temporary_file(&folder)
                .map_err(|error| Error::io("make", &folder, &error))
                .and_then(|file| image(&survey, Purpose::Reading, file, &real, options.enable_lex))
                .map_err(|error| of_copy(error, &folder))?;
            Ok((survey, image, size))
        });
        let (survey, image, size) = looked?;
        let Image {
            snapshot,
            lost_in_log,
            ..
        } = image;
        let mut lost_frames = survey.lost;
        lost_frames.extend(lost_in_log);
        let lex = options.enable_lex && lex_enabled(&snapshot.committed);
        let mut memory = Self::of(path, real, options, snapshot, lex);
        memory.salvaged = Some(Salvaged {
            findings: survey.findings.0,
            lost_frames,
            lost_content: survey.lost_content,
            lost_vectors: survey.lost_vectors,
            lost_pictures: survey.lost_pictures,
            size,
        });
        Ok(memory)
    }

    /// What is known of the damage, if this memory is open for salvage.
    #[must_use]
    pub fn salvaged(&self) -> Option<&Salvaged> {
        self.salvaged.as_ref()
    }

    /// MV012 in place of MV010 for a frame that was not removed, but is lost.
    pub(crate) fn lost(&self, id: u64, error: Error) -> Error {
        let is_lost = self
            .salvaged
            .as_ref()
            .is_some_and(|salvaged| salvaged.lost_frames.contains(&id));
        if error.code != Code::FrameNotFound || !is_lost {
            return error;
        }
        Error::new(
            Code::Corrupt,
            format!("frame {id} is lost: its bytes are damaged"),
            json!({ "section": "frame", "frame_id": id }),
        )
    }

    /// Looks for damage and repairs it, see [`doctor_file`]. This handle goes on with the repaired file.
    pub fn doctor(&self, options: &DoctorOptions) -> Result<Value> {
        const OPERATION: &str = "doctor";
        if self.state.load().is_none() {
            return Err(Error::closed(OPERATION));
        }
        let timeout = self.options.lock_timeout;
        if options.dry_run {
            return doctor_file(&self.real, options, timeout);
        }
        self.check_writable(OPERATION)?;
        let mut writer = self.writer.lock();
        // One that fails leaves the file as it is.
        let _ = self.end_rewrite(&mut writer);
        writer.kept = None;
        let report = doctor_file(&self.real, options, timeout)?;
        // An index of words that was made is there for this handle too.
        if self.options.enable_lex
            && let Ok(snapshot) = self.snapshot(OPERATION)
        {
            self.lex
                .store(lex_enabled(&snapshot.committed), Ordering::Relaxed);
        }
        Ok(report)
    }
}

/// An error of the copy among the temporary files, which is not one of the memory's disk.
fn of_copy(mut error: Error, folder: &Path) -> Error {
    if error.code == Code::CapacityExceeded {
        error.message = format!(
            "what is rescued is copied to the folder {}: {}",
            folder.display(),
            error.message
        );
        error.details.insert(
            "path".to_owned(),
            Value::from(folder.to_string_lossy().into_owned()),
        );
    }
    error
}
