//! The catalog of index segments.

use super::manifests::{SegmentCompression, VectorCompression};
use super::wire::{wire_enum, wire_struct};
use crate::codec::coded_enum;

coded_enum! {
    /// What a segment indexes.
    SegmentKind {
        /// Words.
        #[default]
        Lexical = 0 => "lexical",
        /// Vectors.
        Vector = 1 => "vector",
        /// Times of documents.
        Time = 2 => "time",
        /// Mentions of time.
        Temporal = 3 => "temporal",
        /// Words, in files of a tantivy directory.
        Tantivy = 4 => "tantivy",
    }
}
wire_enum!(SegmentKind);

wire_struct! {
    /// What a segment covers.
    #[allow(missing_docs)]
    SegmentSpan {
        frame_start: u64,
        frame_end: u64,
        page_start: u32,
        page_end: u32,
        token_start: u64,
        token_end: u64,
    }
}

wire_struct! {
    /// What all entries of the catalog have in common.
    #[allow(missing_docs)]
    CatalogEntry {
        segment_id: u64,
        bytes_offset: u64,
        bytes_length: u64,
        checksum: [u8; 32],
        build_sequence: u64,
        codec_version: u16,
        compression: SegmentCompression,
        span: Option<SegmentSpan>,
    }
}

wire_struct! {
    /// Words; written by parallel builds of the reference and read by nobody.
    #[allow(missing_docs)]
    LexCatalogSegment { entry: CatalogEntry, doc_count: u64 }
}

wire_struct! {
    /// Vectors that count when `indexes.vec` gives none.
    #[allow(missing_docs)]
    VecSegment {
        entry: CatalogEntry,
        vector_count: u64,
        dimension: u32,
        vector_compression: VectorCompression,
    }
}

wire_struct! {
    /// Times of documents, in the form of the time index.
    #[allow(missing_docs)]
    TimeSegment { entry: CatalogEntry, entry_count: u64 }
}

wire_struct! {
    /// Mentions of time.
    #[allow(missing_docs)]
    TemporalSegment { entry: CatalogEntry, entry_count: u64, anchor_count: u64, flags: u32 }
}

wire_struct! {
    /// One file of the reference's text index.
    #[allow(missing_docs)]
    TantivySegment { entry: CatalogEntry, path: String }
}

wire_struct! {
    /// Counters of a segment.
    #[allow(missing_docs)]
    SegmentStats {
        doc_count: u64,
        vector_count: u64,
        time_entries: u64,
        bytes_uncompressed: u64,
        build_micros: u64,
    }
}

wire_struct! {
    /// A segment of a parallel build.
    #[allow(missing_docs)]
    IndexSegment { kind: SegmentKind, entry: CatalogEntry, stats: SegmentStats }
}

wire_struct! {
    /// All index segments.
    #[allow(missing_docs)]
    SegmentCatalog {
        next_segment_id: u64,
        /// 1.
        version: u32,
        /// True: the reference searches words, building its index from the frames when it finds none.
        lex_enabled: bool,
        lex_segments: Vec<LexCatalogSegment>,
        vec_segments: Vec<VecSegment>,
        time_segments: Vec<TimeSegment>,
        temporal_segments: Vec<TemporalSegment>,
        tantivy_segments: Vec<TantivySegment>,
        index_segments: Vec<IndexSegment>,
    }
}

impl Default for SegmentCatalog {
    /// No segments and `lex_enabled`: the cheapest form in which the reference still searches.
    fn default() -> Self {
        Self {
            next_segment_id: 0,
            version: 1,
            lex_enabled: true,
            lex_segments: Vec::new(),
            vec_segments: Vec::new(),
            time_segments: Vec::new(),
            temporal_segments: Vec::new(),
            tantivy_segments: Vec::new(),
            index_segments: Vec::new(),
        }
    }
}
