//! What closing a memory leaves in the file.

use crate::support::{create, fresh, open, put_document, total};
use engine::{Document, Memory};

fn put_text(memory: &Memory, text: String) -> u64 {
    put_document(memory, Document::text(text, 1))
}

#[test]
fn a_memory_that_is_closed_unsealed_is_as_it_was_until_its_log_is_long() {
    let (folder, path) = fresh();
    create(&path).close().unwrap();
    let mut sealed = Vec::new();
    for turn in 0..200 {
        let memory = open(&path);
        let other = open(&path);
        let id = put_text(&memory, format!("turn{turn}x of a talk"));
        put_text(&other, format!("reply{turn}x to the question"));
        if turn % 10 == 9 {
            memory.remove(&[id]).unwrap();
        }
        other.close_unsealed().unwrap();
        let before = std::fs::read(&path).unwrap();
        memory.close_unsealed().unwrap();
        memory.close().unwrap();
        if std::fs::read(&path).unwrap() != before {
            sealed.push(turn);
        }
        assert!(memory.stats().is_err(), "it is closed");
    }
    // Two changes a turn: the log is sealed every seventeen turns or so, by one of the two, and not at each turn.
    assert!(!sealed.is_empty() && sealed.len() < 30, "{sealed:?}");
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 380);
    assert_eq!(total(&memory, "talk"), 180);
    assert_eq!(total(&memory, "question"), 200);
    assert_eq!(total(&memory, "turn199x"), 0);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    drop(folder);
}
