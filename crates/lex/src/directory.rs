//! A read-only tantivy directory over packed segments.

use crate::blob::{Blob, File};
use crate::schema;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{DirectoryLock, FileHandle, Lock, WatchCallback, WatchHandle, WritePtr};

const META: &str = "meta.json";

/// Segments as tantivy files, with the table of contents made up on the fly. Segment `i` has the id `i`.
#[derive(Debug, Clone)]
pub(crate) struct BlobDirectory {
    blobs: Arc<[Blob]>,
    meta: Arc<str>,
}

/// The id under which tantivy knows segment `index`.
pub(crate) fn segment_name(index: usize) -> String {
    format!("{index:032x}")
}

/// The position of the segment that `name` (32 hexadecimal digits) stands for.
pub(crate) fn segment_index(name: &str) -> Option<usize> {
    usize::from_str_radix(name, 16).ok()
}

impl BlobDirectory {
    /// Fails when the schema cannot be written as JSON, which does not happen.
    pub(crate) fn new(blobs: Vec<Blob>) -> Result<Self, serde_json::Error> {
        let segments: Vec<_> = blobs
            .iter()
            .enumerate()
            .map(|(index, blob)| {
                serde_json::json!({
                    "segment_id": uuid_form(&segment_name(index)),
                    "max_doc": blob.summary().documents,
                    "deletes": null,
                })
            })
            .collect();
        let meta = serde_json::json!({
            "index_settings": { "docstore_compression": "none" },
            "segments": segments,
            "schema": serde_json::to_value(schema::schema().0)?,
            "opstamp": 0,
        });
        Ok(Self {
            blobs: blobs.into(),
            meta: serde_json::to_string(&meta)?.into(),
        })
    }

    fn file(&self, path: &Path) -> Option<(&Blob, File)> {
        let file = match path.extension()?.to_str()? {
            "term" => File::Terms,
            "idx" => File::Postings,
            "pos" => File::Positions,
            "fieldnorm" => File::FieldNorms,
            "fast" => File::FastFields,
            "store" => File::Store,
            _ => return None,
        };
        let index = segment_index(path.file_stem()?.to_str()?)?;
        Some((self.blobs.get(index)?, file))
    }
}

/// `0123…` as `01234567-89ab-…`.
fn uuid_form(name: &str) -> String {
    [
        &name[..8],
        &name[8..12],
        &name[12..16],
        &name[16..20],
        &name[20..],
    ]
    .join("-")
}

fn read_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "full-text segments are read-only",
    )
}

impl Directory for BlobDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match self.file(path) {
            Some((blob, file)) => Ok(Arc::new(blob.file(file))),
            None => Err(OpenReadError::FileDoesNotExist(path.to_owned())),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError {
            io_error: Arc::new(read_only()),
            filepath: path.to_owned(),
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(path == Path::new(META) || self.file(path).is_some())
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::IoError {
            io_error: Arc::new(read_only()),
            filepath: path.to_owned(),
        })
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(META) {
            return Ok(self.meta.as_bytes().to_vec());
        }
        Err(OpenReadError::FileDoesNotExist(PathBuf::from(path)))
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing ever changes here, so there is nothing to lock.
    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
