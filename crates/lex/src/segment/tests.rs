//! Compares segments with those of tantivy's own writer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::analyzer::token_stream::LexTokenizer;
use crate::blob::File;
use crate::schema::{
    BOOST_COLUMN, FRAME_COLUMN, KEYWORD_TOKENIZER, LEX_TOKENIZER, TIMESTAMP_COLUMN, keyword_terms,
};
use proptest::prelude::*;
use tantivy::directory::{FileHandle, OwnedBytes, RamDirectory};
use tantivy::index::SegmentComponent;
use tantivy::schema::document::TantivyDocument;
use tantivy::tokenizer::{RawTokenizer, TokenizerManager};
use tantivy::{Directory, HasLen};

fn document(frame_id: u64, body: &str) -> Document<'_> {
    Document {
        frame_id,
        title: "",
        body,
        uri: "",
        kind: None,
        track: None,
        tags: &[],
        labels: &[],
        timestamp: 0,
        boost: 1.0,
    }
}

fn build(documents: &[Document<'_>]) -> Vec<u8> {
    let mut builder = SegmentBuilder::new(0).unwrap();
    for document in documents {
        builder.add(document).unwrap();
    }
    assert_eq!(builder.document_count() as usize, documents.len());
    builder.finish().unwrap()
}

/// What tantivy's own writer makes of `documents`, without footers.
fn reference(documents: &[Document<'_>]) -> Vec<(File, Vec<u8>)> {
    let (schema, fields) = schema::schema();
    let field = |name| schema.get_field(name).unwrap();
    let (frame, timestamp, boost) = (
        field(FRAME_COLUMN),
        field(TIMESTAMP_COLUMN),
        field(BOOST_COLUMN),
    );
    let tokenizers = TokenizerManager::new();
    tokenizers.register(LEX_TOKENIZER, LexTokenizer::default());
    tokenizers.register(KEYWORD_TOKENIZER, RawTokenizer::default());
    tokenizers.register("default", RawTokenizer::default());
    let directory = RamDirectory::create();
    let mut writer = Index::builder()
        .schema(schema.clone())
        .tokenizers(tokenizers)
        .single_segment_index_writer(directory.clone(), 15_000_000)
        .unwrap();
    for document in documents {
        let mut entry = TantivyDocument::new();
        entry.add_text(fields.title, document.title);
        entry.add_text(fields.body, document.body);
        for term in keyword_terms(document) {
            entry.add_text(fields.keyword, term);
        }
        entry.add_u64(frame, document.frame_id);
        entry.add_i64(timestamp, document.timestamp);
        let factor = effective_boost(document.boost);
        if factor != 1.0 {
            entry.add_f64(boost, f64::from(factor));
        }
        writer.add_document(entry).unwrap();
    }
    let index = writer.finalize().unwrap();
    let metas = index.searchable_segment_metas().unwrap();
    [
        (File::Terms, SegmentComponent::Terms),
        (File::Postings, SegmentComponent::Postings),
        (File::Positions, SegmentComponent::Positions),
        (File::FieldNorms, SegmentComponent::FieldNorms),
        (File::FastFields, SegmentComponent::FastFields),
    ]
    .map(|(file, component)| {
        let path = metas[0].relative_path(component);
        let bytes = index.directory().open_read(&path).unwrap();
        (file, bytes.read_bytes().unwrap().to_vec())
    })
    .into()
}

fn assert_like_reference(documents: &[Document<'_>]) {
    let blob = build(documents);
    assert_eq!(blob, build(documents), "the same bytes each time");
    let blob = Blob::open(OwnedBytes::new(blob)).unwrap();
    for (file, expected) in reference(documents) {
        let ours = blob.file(file);
        let ours = ours.read_bytes(0..ours.len()).unwrap();
        assert!(ours.as_slice() == expected, "{file:?} differs");
    }
}

#[test]
fn the_files_are_those_of_tantivys_writer() {
    let long: String = (0..140_000)
        .map(|number| format!("w{} the ", number % 777))
        .collect();
    let tags: Vec<String> = (0..1_000).map(|tag| format!("Tag {}", tag % 900)).collect();
    let uris: Vec<String> = (0..300)
        .map(|id| format!("mv2://u/{}", id * 7 % 250))
        .collect();
    let mut documents: Vec<Document<'_>> = (0..)
        .zip([
            "",
            "one",
            "the the the the",
            "It's 1,000 ADR-17 snake_case v2.0.1 don't \u{2019}tis",
            "東京都は日本の首都です。 ภาษาไทย 한국어 카페",
            "Ünïcode Straße ΑΣΣ İstanbul ﬁne café cafe\u{301}",
            "— dashes—between…words",
            &long,
        ])
        .map(|(id, body)| document(id, body))
        .collect();
    documents[1].title = "Only a title matters";
    documents[2].tags = &tags;
    documents[2].labels = &tags[..3];
    documents[3].boost = 2.5;
    documents[4].timestamp = -5;
    documents[5].kind = Some("  Kind ");
    documents[5].track = Some(" ");
    for (id, uri) in (100..).zip(&uris) {
        documents.push(Document {
            uri,
            timestamp: 1_700_000_000 + id as i64 % 11,
            ..document(id, "every document holds these words")
        });
    }
    assert_like_reference(&documents);
    for document in &documents[..7] {
        assert_like_reference(std::slice::from_ref(document));
    }
    assert_like_reference(&documents[..1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_files_of_random_documents_are_those_of_tantivys_writer(
        texts in prop::collection::vec(
            (any::<u16>(), "[a-eA-E' .,_0-3-]{0,30}", prop_oneof!["[a-d ]{0,400}", "\\PC{0,80}", "[東京都ａ-ｃé\u{301} ]{0,40}"]),
            1..200,
        ),
    ) {
        let documents: Vec<_> = texts.iter().map(|(frame, title, body)| Document {
            title, uri: title, boost: f32::from(frame % 3), ..document(u64::from(*frame), body)
        }).collect();
        assert_like_reference(&documents);
    }
}

#[test]
fn memory_is_told_while_documents_are_added() {
    let mut builder = SegmentBuilder::new(1_000_000).unwrap();
    let mut last = builder.memory_usage();
    for id in 0..2_000_u64 {
        let body = format!(
            "word{} of document {id} and more words that repeat",
            id % 50
        );
        builder.add(&document(id, &body)).unwrap();
        assert!(builder.memory_usage() >= last);
        last = builder.memory_usage();
    }
    assert!(last < 500_000, "{last}");
    assert!(!builder.is_full());
}
