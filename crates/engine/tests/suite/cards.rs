//! Memory cards: made of documents, given, written, taken away with their documents, and read by other handles.

use crate::support::{create, fresh, open, put_document};
use engine::{CardQuestion, DoctorOptions, Document, Memory, NewCard, PurgeRequest, PutOptions};
use mv2::cards::{CardKind, Polarity, Relation};
use mv2::payload::PayloadFinder;

fn put(memory: &Memory, text: &str, timestamp: i64) -> u64 {
    put_document(memory, Document::text(text, timestamp))
}

/// Another handle on the same file.
fn reopen(memory: &Memory) -> Memory {
    open(memory.path())
}

fn value_of(memory: &Memory, entity: &str, slot: &str) -> Option<String> {
    let state = memory.state(entity, Some(slot)).unwrap();
    state.slots.get(slot).map(|state| state.value.clone())
}

fn card(entity: &str, slot: &str, value: &str) -> NewCard {
    NewCard {
        entity: entity.to_owned(),
        slot: slot.to_owned(),
        value: value.to_owned(),
        ..NewCard::default()
    }
}

#[test]
fn what_documents_say_is_known_without_being_asked_for() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "I work at Acme Corp.", 100);
    put(&memory, "Alice is Bob's sister. I live in Berlin.", 200);
    assert_eq!(value_of(&memory, "USER", "employer").unwrap(), "Acme Corp");
    assert_eq!(value_of(&memory, "bob", "sister").unwrap(), "Alice");
    assert_eq!(memory.memory_entities().unwrap(), ["bob", "user"]);
    // A later statement wins, an earlier one does not, whatever came first.
    put(&memory, "I work at Globex.", 300);
    put(&memory, "I work at Initech.", 50);
    assert_eq!(value_of(&memory, "user", "employer").unwrap(), "Globex");
    let cards = memory
        .memories(Some("User"), Some("Employer"))
        .unwrap()
        .cards;
    let values: Vec<_> = cards
        .iter()
        .map(|card| (card.id, card.value.as_str()))
        .collect();
    assert_eq!(values, [(3, "Globex"), (0, "Acme Corp"), (4, "Initech")]);
    assert_eq!(cards[0].source_frame_id, Some(2));
    assert_eq!(cards[0].document_date, Some(300));
    // What was taken back is so no more.
    put(&memory, "I no longer work at Globex.", 400);
    assert_eq!(value_of(&memory, "user", "employer").unwrap(), "Acme Corp");
    // Nothing was written for it, and the next handle knows the same.
    memory.seal().unwrap();
    let before = std::fs::metadata(memory.path()).unwrap().len();
    let again = reopen(&memory);
    assert_eq!(
        again.memories(None, None).unwrap(),
        memory.memories(None, None).unwrap()
    );
    assert_eq!(std::fs::metadata(memory.path()).unwrap().len(), before);
    assert_eq!(again.stats().unwrap()["frame_count"], 5);
}

#[test]
fn what_the_library_keeps_book_of_is_found_by_its_name_alone() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory
        .add_memory_cards(&[
            card("memvid.enrichment", "ner", "a\nb"),
            card("Ann", "likes", "tea"),
        ])
        .unwrap();
    assert_eq!(memory.memory_entities().unwrap(), ["ann"]);
    assert_eq!(memory.memories(None, None).unwrap().count, 1);
    assert_eq!(memory.memories_stats().unwrap().card_count, 1);
    for format in ["json", "csv", "ntriples"] {
        let facts = memory.export_facts(format, None, false).unwrap();
        assert!(
            facts.contains("tea") && !facts.contains("enrichment"),
            "{facts}"
        );
    }
    let book = memory.memories(Some("memvid.enrichment"), None).unwrap();
    assert_eq!(book.cards[0].value, "a\nb");
}

#[test]
fn names_that_look_alike_when_joined_are_different_facts() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory
        .add_memory_cards(&[
            card("user", "alice:role", "admin"),
            NewCard {
                version_relation: mv2::cards::Relation::Retracts,
                ..card("user:alice", "role", "admin")
            },
        ])
        .unwrap();
    assert_eq!(value_of(&memory, "user", "alice:role").unwrap(), "admin");
    let facts = memory.export_facts("json", None, false).unwrap();
    assert!(facts.contains("alice:role"), "{facts}");
    assert_eq!(memory.memories_stats().unwrap().slot_count, 2);
}

#[test]
fn cards_go_with_their_documents() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "I work at Acme Corp.", 100);
    put(&memory, "My name is Zorblax Quill.", 100);
    memory.enrich("rules", false).unwrap();
    memory
        .add_memory_cards(&[
            card("Alice", "role", "Director"),
            NewCard {
                source_frame_id: Some(1),
                ..card("Zorblax", "planet", "Vulpecula")
            },
        ])
        .unwrap();
    assert_eq!(value_of(&memory, "zorblax", "planet").unwrap(), "Vulpecula");
    memory.remove(&[1]).unwrap();
    assert_eq!(value_of(&memory, "user", "name"), None);
    assert!(!memory.state("zorblax", None).unwrap().found);
    assert_eq!(value_of(&memory, "alice", "role").unwrap(), "Director");
    // Erased, nothing of them is in the file, and the others are.
    let report = memory.purge(&PurgeRequest::default()).unwrap();
    assert!(report.kept_tracks.is_empty());
    let committed = std::fs::read(memory.path()).unwrap();
    for word in ["Zorblax", "Vulpecula"] {
        assert!(!decoded_anywhere(&committed, word), "{word} is left");
    }
    assert!(decoded_anywhere(&committed, "Director"));
    let again = reopen(&memory);
    assert_eq!(value_of(&again, "alice", "role").unwrap(), "Director");
    assert_eq!(value_of(&again, "user", "employer").unwrap(), "Acme Corp");
}

/// Which documents they are of is not known.
#[test]
fn what_the_rules_of_another_program_made_stays_until_it_is_purged() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "A text about ships.", 100);
    put(&memory, "A text about trains.", 100);
    let of_others = NewCard {
        engine: Some("rules".to_owned()),
        engine_version: Some("1.0.0".to_owned()),
        source_frame_id: Some(0),
        ..card("Alice", "employer", "Acme Corp")
    };
    let own = NewCard {
        source_frame_id: Some(1),
        ..card("Zorblax", "planet", "Vulpecula")
    };
    memory.add_memory_cards(&[of_others, own]).unwrap();
    memory.remove(&[1]).unwrap();
    memory.compact().unwrap();
    let employer = |memory: &Memory| value_of(memory, "alice", "employer");
    assert_eq!(employer(&memory).as_deref(), Some("Acme Corp"));
    let committed = std::fs::read(memory.path()).unwrap();
    assert!(!decoded_anywhere(&committed, "Vulpecula"));
    let rebuilt = DoctorOptions {
        rebuild_time_index: true,
        ..DoctorOptions::default()
    };
    memory.doctor(&rebuilt).unwrap();
    assert_eq!(employer(&reopen(&memory)).as_deref(), Some("Acme Corp"));
    let report = memory.purge(&PurgeRequest::default()).unwrap();
    assert_eq!(report.cards_erased, 1);
    assert_eq!(employer(&memory), None);
    let purged = std::fs::read(memory.path()).unwrap();
    assert!(!decoded_anywhere(&purged, "Acme Corp"));
}

/// Whether a word is in a file as it is, or in anything compressed in it.
fn decoded_anywhere(file: &[u8], word: &str) -> bool {
    let is_in = |bytes: &[u8]| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    if is_in(file) {
        return true;
    }
    let mut finder = PayloadFinder::new(1 << 30).unwrap();
    let mut from = 0;
    while let Some(found) = finder.next(file, from) {
        if is_in(&found.content) {
            return true;
        }
        from = found.stored.start + 1;
    }
    false
}

#[test]
fn enriching_writes_what_was_derived_once() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "I work at Acme Corp. I work at Acme Corp.", 100);
    let silent = PutOptions {
        enrich: false,
        ..PutOptions::default()
    };
    memory
        .put(vec![Document::text("I live in Berlin.", 100)], silent)
        .unwrap();
    assert_eq!(value_of(&memory, "user", "location"), None);
    memory
        .add_memory_cards(&[card("Alice", "role", "Director")])
        .unwrap();
    let first = memory.enrich("rules", false).unwrap();
    assert_eq!(
        (first.frames_processed, first.new_cards, first.total_cards),
        (1, 1, 3)
    );
    assert_eq!(value_of(&memory, "user", "location").unwrap(), "Berlin");
    let before = memory.memories(None, None).unwrap();
    let second = memory.enrich("rules", false).unwrap();
    assert_eq!((second.frames_processed, second.new_cards), (0, 0));
    // Forced, it makes its own cards anew and leaves those of others alone.
    let forced = memory.enrich("rules", true).unwrap();
    assert_eq!(
        (
            forced.frames_processed,
            forced.new_cards,
            forced.total_cards
        ),
        (2, 2, 3)
    );
    assert_eq!(value_of(&memory, "alice", "role").unwrap(), "Director");
    let strip = |memories: engine::Memories| {
        let mut cards: Vec<_> = memories
            .cards
            .into_iter()
            .map(|card| (card.entity, card.slot, card.value))
            .collect();
        cards.sort();
        cards
    };
    assert_eq!(
        strip(before),
        strip(reopen(&memory).memories(None, None).unwrap())
    );
    assert_eq!(
        memory.enrich("gpt", false).unwrap_err().code.as_str(),
        "MV019"
    );
    // A new file, and everything that is written later, carries the track along.
    put(&memory, "Nothing of note.", 100);
    memory.compact().unwrap();
    assert_eq!(memory.memories_stats().unwrap().card_count, 3);
    assert!(memory.stats().unwrap()["dead_bytes"].as_u64().unwrap() < 100_000);
}

#[test]
fn cards_that_are_given_are_checked_and_kept_whole() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "A document.", 100);
    for (bad, code) in [
        (card(" ", "role", "x"), "MV019"),
        (card("a", "", "x"), "MV019"),
        (card("a", "b", ""), "MV019"),
        (
            NewCard {
                source_frame_id: Some(7),
                ..card("a", "b", "c")
            },
            "MV010",
        ),
        (
            NewCard {
                confidence: Some(2.0),
                ..card("a", "b", "c")
            },
            "MV019",
        ),
    ] {
        let error = memory
            .add_memory_cards(&[card("x", "y", "z"), bad])
            .unwrap_err();
        assert_eq!(error.code.as_str(), code);
    }
    assert_eq!(memory.memories(None, None).unwrap().count, 0);
    let given = NewCard {
        kind: Some(CardKind::Preference),
        polarity: Some(Polarity::Positive),
        version_relation: Relation::Updates,
        source_frame_id: Some(0),
        event_date: Some(12),
        confidence: Some(0.5),
        engine: Some("me".to_owned()),
        engine_version: Some("3".to_owned()),
        ..card("Alice", "Tea", "green")
    };
    assert_eq!(memory.add_memory_cards(&[given]).unwrap(), [0]);
    let shown = reopen(&memory)
        .memories(Some("alice"), Some("tea"))
        .unwrap()
        .cards
        .remove(0);
    assert_eq!(
        (
            shown.entity.as_str(),
            shown.slot.as_str(),
            shown.value.as_str()
        ),
        ("Alice", "Tea", "green")
    );
    assert_eq!(
        (shown.kind, shown.polarity),
        (CardKind::Preference, Some(Polarity::Positive))
    );
    assert_eq!(
        (shown.source_frame_id, shown.event_date, shown.confidence),
        (Some(0), Some(12), Some(0.5))
    );
    assert_eq!(
        (shown.document_date, shown.source_uri.as_deref()),
        (Some(100), Some("mv2://frames/0"))
    );
    assert_eq!(
        (shown.engine.as_str(), shown.engine_version.as_str()),
        ("me", "3")
    );
}

#[test]
fn what_was_taken_back_is_no_fact() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let at = |value, date, relation| NewCard {
        document_date: Some(date),
        version_relation: relation,
        ..card("ann", "employer", value)
    };
    memory
        .add_memory_cards(&[
            at("Acme", 10, Relation::Sets),
            at("Globex", 20, Relation::Sets),
            at("acme", 30, Relation::Retracts),
            at("Initech", 40, Relation::Retracts),
        ])
        .unwrap();
    let export = || memory.export_facts("csv", None, false).unwrap();
    assert_eq!(export(), "subject,predicate,object\nann,employer,Globex\n");
    memory
        .add_memory_cards(&[at("Acme", 50, Relation::Sets)])
        .unwrap();
    assert_eq!(
        export(),
        "subject,predicate,object\nann,employer,Globex\nann,employer,Acme\n"
    );
}

#[test]
fn facts_are_exported() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "My name is Ann \"Spark\" Lee.", 100);
    memory
        .add_memory_cards(&[card("Bob, Jr", "says", "a \"b\"\nc")])
        .unwrap();
    let export = |format, provenance| {
        memory
            .export_facts(format, Some("bob, jr"), provenance)
            .unwrap()
    };
    assert_eq!(
        export("json", false),
        r#"[{"subject":"Bob, Jr","predicate":"says","object":"a \"b\"\nc"}]"#
    );
    assert_eq!(
        export("csv", false),
        "subject,predicate,object\n\"Bob, Jr\",says,\"a \"\"b\"\"\nc\"\n"
    );
    assert!(
        export("csv", true)
            .starts_with("subject,predicate,object,sourceFrameId,timestamp,engine\n")
    );
    assert_eq!(
        export("ntriples", false),
        "<mv2://entity/bob%2C%20jr> <mv2://slot/says> \"a \\\"b\\\"\\nc\" .\n"
    );
    let statement = "<mv2://entity/bob%2C%20jr#";
    let told = export("ntriples", true);
    for (predicate, object) in [
        ("mv2://engine", "\"sdk\""),
        (
            "http://www.w3.org/1999/02/22-rdf-syntax-ns#subject",
            "<mv2://entity/bob%2C%20jr>",
        ),
    ] {
        let line = told
            .lines()
            .find(|line| line.contains(&format!("<{predicate}>")));
        let line = line.unwrap();
        assert!(line.starts_with(statement), "{line}");
        assert!(line.ends_with(&format!("{object} .")), "{line}");
    }
    assert!(told.contains("<mv2://timestamp> \"17"), "{told}");
    assert_eq!(
        memory
            .export_facts("xml", None, false)
            .unwrap_err()
            .code
            .as_str(),
        "MV019"
    );
    let question = CardQuestion::Export {
        format: "json".to_owned(),
        entity: None,
        provenance: true,
    };
    assert!(
        memory
            .cards(&question)
            .unwrap()
            .as_str()
            .unwrap()
            .contains("\"engine\":\"rules\"")
    );
}

#[test]
fn damaged_cards_are_told() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory
        .add_memory_cards(&[card("Alice", "role", "Director")])
        .unwrap();
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes
        .windows(4)
        .rposition(|part| part == mv2::cards::MAGIC)
        .unwrap();
    bytes[place + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let memory = open(&path);
    let error = memory.memories(None, None).unwrap_err();
    assert_eq!(error.code.as_str(), "MV012");
    assert!(error.to_string().contains("memories track"), "{error}");
    assert_eq!(
        memory
            .purge(&PurgeRequest::default())
            .unwrap_err()
            .code
            .as_str(),
        "MV012"
    );
}

/// Makes the stored cards something that this program cannot read, with checksums that fit.
fn make_unreadable(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    let toc = located.toc(&bytes).unwrap();
    let start = toc.as_ptr() as usize - bytes.as_ptr() as usize;
    let end = start + toc.len();
    let track = mv2::toc::decode(toc).unwrap().tail.memories_track.unwrap();
    let from = usize::try_from(track.bytes_offset).unwrap();
    let to = from + usize::try_from(track.bytes_length).unwrap();
    // A version to come.
    bytes[from + 4] = 9;
    let place = bytes[start..end]
        .windows(32)
        .position(|part| part == track.checksum)
        .unwrap();
    let hash = *blake3::hash(&bytes[from..to]).as_bytes();
    bytes[start + place..start + place + 32].copy_from_slice(&hash);
    let checksum = mv2::toc::checksum(&bytes[start..end]).unwrap();
    bytes[end - 32..end].copy_from_slice(&checksum);
    let mut page: [u8; mv2::header::HEADER_SIZE] =
        bytes[..mv2::header::HEADER_SIZE].try_into().unwrap();
    let length = mv2::header::toc_length(&page).unwrap();
    page[48..80].copy_from_slice(&checksum);
    mv2::header::set_toc_length(&mut page, length);
    bytes[..page.len()].copy_from_slice(&page);
    let generation = u64::from_le_bytes(bytes[end + 48..end + 56].try_into().unwrap());
    let footer = mv2::footer::Footer::for_toc(&bytes[start..end], generation).encode();
    bytes[end..end + footer.len()].copy_from_slice(&footer);
    std::fs::write(path, &bytes).unwrap();
}

#[test]
fn cards_that_cannot_be_read_are_seen_and_left_as_they_are() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "A document.", 100);
    memory
        .add_memory_cards(&[card("Alice", "role", "Director")])
        .unwrap();
    let is_passed = |deep| {
        let report = engine::verify_file(&path, deep).unwrap();
        let cards = report
            .checks
            .iter()
            .find(|check| check.name == "MemoriesTrackDecode");
        (report.overall_status, cards.map(|check| check.status))
    };
    memory.close().unwrap();
    assert_eq!(is_passed(true), ("passed", Some("passed")));
    make_unreadable(&path);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(is_passed(false), ("passed", None));
    assert_eq!(is_passed(true), ("failed", Some("failed")));
    let doctor = |options| {
        let timeout = std::time::Duration::from_secs(10);
        engine::doctor_file(&path, &options, timeout).unwrap()
    };
    // Nothing is given up that another program may be able to read.
    let report = doctor(DoctorOptions::default());
    assert_eq!(report["status"], "partial");
    let finding = report["findings"].to_string();
    assert!(finding.contains("verification_failed"), "{finding}");
    assert!(finding.contains("memories track"), "{finding}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let report = doctor(DoctorOptions {
        vacuum: true,
        ..DoctorOptions::default()
    });
    assert_eq!(report["status"], "partial", "{report}");
    let memory = open(&path);
    let error = memory.memories(None, None).unwrap_err();
    assert!(error.to_string().contains("version"), "{error}");
    assert_eq!(memory.stats().unwrap()["frame_count"], 1);
    let purged = memory.purge(&PurgeRequest::default()).unwrap_err();
    assert_eq!(purged.code.as_str(), "MV012");
}

#[test]
fn cards_that_could_not_be_read_again_are_refused() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory
        .add_memory_cards(&[card("Alice", "role", "Director")])
        .unwrap();
    let before = std::fs::read(memory.path()).unwrap();
    let limit = mv2::cards::MAX_TRACK;
    let far_too_long = "x".repeat(limit as usize + 1);
    // Six bytes each in the file.
    let too_long_as_stored = "\u{1}".repeat(45 << 20);
    for value in [far_too_long, too_long_as_stored] {
        let error = memory
            .add_memory_cards(&[card("Bob", "role", &value)])
            .unwrap_err();
        assert_eq!(error.code.as_str(), "MV001");
        assert_eq!(error.details["reason"], "cards");
        assert_eq!(error.details["limit"], limit);
        assert!(error.details["required"].as_u64().unwrap() > limit);
    }
    assert_eq!(std::fs::read(memory.path()).unwrap(), before);
    assert_eq!(value_of(&memory, "alice", "role").unwrap(), "Director");
    memory
        .add_memory_cards(&[card("Bob", "role", "x")])
        .unwrap();
}

#[test]
fn blanks_around_a_name_do_not_count_and_dates_are_seconds() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory
        .add_memory_cards(&[card("  Alice ", " Role ", "Director")])
        .unwrap();
    assert_eq!(value_of(&memory, " ALICE  ", "role").unwrap(), "Director");
    assert_eq!(memory.state(" ALICE  ", None).unwrap().entity, "alice");
    let found = memory.memories(Some("alice\t"), Some(" role")).unwrap();
    assert_eq!(found.count, 1);
    for date in [1_000_000_000_000, i64::MIN] {
        let error = memory
            .add_memory_cards(&[NewCard {
                event_date: Some(date),
                ..card("a", "b", "c")
            }])
            .unwrap_err();
        assert_eq!(error.code.as_str(), "MV019");
        assert_eq!(error.details["argument"], "cards[0].eventDate");
    }
}
