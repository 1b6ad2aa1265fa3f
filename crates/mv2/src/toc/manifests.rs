//! Where sections lie in the file, one structure for each kind. Offsets are absolute, lengths in bytes, checksums BLAKE3.

use super::wire::{wire_enum, wire_struct};
use crate::codec::coded_enum;

coded_enum! {
    /// How a segment is packed; no known file uses anything but `None`.
    SegmentCompression {
        /// As it is.
        #[default]
        None = 0 => "none",
        /// zstd.
        Zstd = 1 => "zstd",
        /// lz4.
        Lz4 = 2 => "lz4",
    }
}

coded_enum! {
    /// How vectors are stored.
    VectorCompression {
        /// 32-bit floats.
        #[default]
        None = 0 => "none",
        /// Product quantisation with 96 subspaces.
        Pq96 = 1 => "pq96",
    }
}

wire_enum!(SegmentCompression, VectorCompression);

wire_struct! {
    /// A private section: the reference keeps these entries and ignores what they point at.
    SegmentMeta {
        /// Number; the first entry of the list must have 0.
        id: u64,
        /// First frame it speaks about.
        frame_from: u64,
        /// Frame behind the last it speaks about.
        frame_to: u64,
        /// BLAKE3 of its bytes.
        primary_checksum: [u8; 32],
        /// How it is packed.
        compression: SegmentCompression,
        /// Where it starts.
        bytes_offset: u64,
        /// How long it is.
        bytes_length: u64,
    }
}

wire_struct! {
    /// The old monolithic text index.
    #[allow(missing_docs)]
    LexIndexManifest {
        doc_count: u64,
        generation: u64,
        bytes_offset: u64,
        bytes_length: u64,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// One file of the reference's text index.
    #[allow(missing_docs)]
    LexSegment {
        path: String,
        bytes_offset: u64,
        bytes_length: u64,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// The monolithic vector index.
    #[allow(missing_docs)]
    VecIndexManifest {
        vector_count: u64,
        dimension: u32,
        bytes_offset: u64,
        bytes_length: u64,
        checksum: [u8; 32],
        compression_mode: VectorCompression,
        model: Option<String>,
    }
}

wire_struct! {
    /// The picture index.
    #[allow(missing_docs)]
    ClipIndexManifest {
        bytes_offset: u64,
        bytes_length: u64,
        vector_count: u64,
        dimension: u32,
        checksum: [u8; 32],
        model_name: String,
    }
}

wire_struct! {
    /// The indexes of frames.
    #[derive(Default)]
    #[allow(missing_docs)]
    IndexManifests {
        lex: Option<LexIndexManifest>,
        lex_segments: Vec<LexSegment>,
        vec: Option<VecIndexManifest>,
        clip: Option<ClipIndexManifest>,
    }
}

wire_struct! {
    /// The list of active documents by time: see [`crate::time_index`].
    #[allow(missing_docs)]
    TimeIndexManifest {
        bytes_offset: u64,
        bytes_length: u64,
        entry_count: u64,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// Mentions of time in texts.
    #[allow(missing_docs)]
    TemporalTrackManifest {
        bytes_offset: u64,
        bytes_length: u64,
        entry_count: u64,
        anchor_count: u64,
        checksum: [u8; 32],
        flags: u32,
    }
}

wire_struct! {
    /// Memory cards.
    #[allow(missing_docs)]
    MemoriesTrackManifest {
        bytes_offset: u64,
        bytes_length: u64,
        card_count: u64,
        entity_count: u64,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// Entities and relations.
    #[allow(missing_docs)]
    LogicMeshManifest {
        bytes_offset: u64,
        bytes_length: u64,
        node_count: u64,
        edge_count: u64,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// Fingerprints of texts: see [`crate::sketch`].
    #[allow(missing_docs)]
    SketchTrackManifest {
        bytes_offset: u64,
        bytes_length: u64,
        entry_count: u64,
        entry_size: u16,
        flags: u32,
        checksum: [u8; 32],
    }
}

wire_struct! {
    /// How much the file may hold, as the reference sees it.
    #[allow(missing_docs)]
    TicketRef {
        issuer: String,
        seq_no: i64,
        expires_in_secs: u64,
        /// Limit in bytes; 0: by the size of the log.
        capacity_bytes: u64,
        verified: bool,
    }
}

impl Default for TicketRef {
    /// The ticket of new files of the reference: 50 MiB.
    fn default() -> Self {
        Self {
            issuer: "free-tier".to_owned(),
            seq_no: 1,
            expires_in_secs: 0,
            capacity_bytes: 50 << 20,
            verified: false,
        }
    }
}

wire_struct! {
    /// Recorded sessions.
    #[allow(missing_docs)]
    ReplayManifest {
        segment_offset: u64,
        segment_size: u64,
        session_count: u32,
        total_actions: u64,
        version: u32,
    }
}

wire_struct! {
    /// One piece of background work.
    #[allow(missing_docs)]
    EnrichmentTask {
        /// In files of the reference the log sequence of the insert, not a frame id.
        frame_id: u64,
        created_at: u64,
        chunks_done: u32,
        chunks_total: u32,
    }
}

wire_struct! {
    /// Background work that is still to do. Kept as it is found.
    #[derive(Default)]
    #[allow(missing_docs)]
    EnrichmentQueue {
        tasks: Vec<EnrichmentTask>,
        updated_at: u64,
    }
}

/// The 16 bytes of a UUID, stored with their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryId(pub [u8; 16]);

impl super::wire::Wire for MemoryId {
    const SMALLEST: usize = 24;

    fn read(reader: &mut crate::codec::Reader<'_>) -> crate::error::Result<Self> {
        let bytes = reader.blob()?;
        <[u8; 16]>::try_from(bytes)
            .map(Self)
            .map_err(|_| reader.error(format!("an id of 16 bytes expected, found {}", bytes.len())))
    }

    fn write(&self, writer: &mut crate::codec::Writer) {
        writer.blob(&self.0);
    }
}

wire_struct! {
    /// Binding to a memory with a name of its own.
    #[allow(missing_docs)]
    MemoryBinding {
        memory_id: MemoryId,
        memory_name: String,
        /// RFC 3339.
        bound_at: String,
        api_url: String,
    }
}
