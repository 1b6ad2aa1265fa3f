//! A read-only tantivy directory over packed segments.

use crate::blob::{Blob, BlobFile, File};
use crate::schema;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::footer::Footer;
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::{Directory, HasLen};

const META: &str = "meta.json";

/// Segments as tantivy files, with the table of contents made up on the fly. Segment `i` has the id `i`.
#[derive(Debug, Clone)]
pub(crate) struct BlobDirectory {
    blobs: Arc<[Blob]>,
    meta: Arc<str>,
    footer: OwnedBytes,
}

/// Ends the footer that tantivy looks for at the end of each file.
const FOOTER_MAGIC: u32 = 1337;

/// A footer as tantivy writes it, but for the checksum: blobs have their own.
fn footer() -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(&Footer {
        version: tantivy::version().clone(),
        crc: 0,
    })?;
    bytes.extend((bytes.len() as u32).to_le_bytes());
    bytes.extend(FOOTER_MAGIC.to_le_bytes());
    Ok(bytes)
}

/// A file with the footer that blobs leave out.
#[derive(Debug)]
struct FooteredFile {
    /// `None` is an empty file: nothing is stored, but tantivy opens the file where it would be.
    file: Option<BlobFile>,
    footer: OwnedBytes,
}

impl FooteredFile {
    fn content_length(&self) -> usize {
        self.file.as_ref().map_or(0, HasLen::len)
    }
}

impl HasLen for FooteredFile {
    fn len(&self) -> usize {
        self.content_length() + self.footer.len()
    }
}

impl FileHandle for FooteredFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let content = self.content_length();
        match &self.file {
            Some(file) if range.end <= content => file.read_bytes(range),
            _ if range.start >= content && range.start <= range.end && range.end <= self.len() => {
                Ok(self
                    .footer
                    .slice(range.start - content..range.end - content))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{range:?} was asked of a file of {content} bytes and its footer"),
            )),
        }
    }
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
            footer: OwnedBytes::new(footer()?),
        })
    }

    fn file(&self, path: &Path) -> Option<FooteredFile> {
        let file = match path.extension()?.to_str()? {
            "term" => Some(File::Terms),
            "idx" => Some(File::Postings),
            "pos" => Some(File::Positions),
            "fieldnorm" => Some(File::FieldNorms),
            "fast" => Some(File::FastFields),
            "store" => None,
            _ => return None,
        };
        let index = segment_index(path.file_stem()?.to_str()?)?;
        let blob = self.blobs.get(index)?;
        Some(FooteredFile {
            file: file.map(|file| blob.file(file)),
            footer: self.footer.clone(),
        })
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
            Some(file) => Ok(Arc::new(file)),
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
