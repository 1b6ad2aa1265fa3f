#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn of(query: &str, text: &str, max_chars: usize) -> Snippet {
    snippet(&Query::parse(query).unwrap(), text, max_chars)
}

fn marked(snippet: &Snippet) -> Vec<&str> {
    snippet
        .ranges
        .iter()
        .map(|range| &snippet.text[range.clone()])
        .collect()
}

#[test]
fn the_densest_window_is_chosen() {
    let text = format!(
        "The cat is here. {} A dog and a cat live with a parrot. {}",
        "Filler words. ".repeat(50),
        "More filler. ".repeat(50)
    );
    let found = of("cat dog parrot", &text, 60);
    assert!(
        found.text.contains("dog and a cat live with a parrot"),
        "{found:?}"
    );
    assert_eq!(marked(&found), ["dog", "cat", "parrot"]);
    assert_eq!(found.matches, 4);
}

#[test]
fn no_match_gives_the_beginning() {
    let found = of("zebra", "One two three four five", 12);
    assert_eq!(
        found,
        Snippet {
            text: "One two".to_owned(),
            ranges: vec![],
            matches: 0
        }
    );
}

#[test]
fn a_short_text_is_returned_whole() {
    assert_eq!(
        of("mice", "Cats sleep. Dogs bark. Mice squeak.", 240).text,
        "Cats sleep. Dogs bark. Mice squeak."
    );
    let found = of("two", "One two three.", 240);
    assert_eq!(found.text, "One two three.");
    assert_eq!(marked(&found), ["two"]);
}

#[test]
fn other_forms_of_a_word_are_marked() {
    assert_eq!(
        marked(&of("run", "She runs while he was running; a run.", 240)),
        ["runs", "running", "run"]
    );
    assert_eq!(
        marked(&of("cafe", "Ein Café, zwei cafés.", 240)),
        ["Café", "cafés"]
    );
    assert_eq!(
        marked(&of("auth*", "Authors authorise; others do not.", 240)),
        ["Authors", "authorise"]
    );
    assert_eq!(
        marked(&of("ADR-17", "See ADR-17 and 17 others.", 240)),
        ["ADR-17", "17"]
    );
}

#[test]
fn characters_are_counted_not_bytes() {
    let text = "東京都は日本の首都です。大阪は西日本の中心都市です。京都は古い都です。";
    let found = of("大阪", text, 14);
    assert!(found.text.chars().count() <= 14, "{found:?}");
    assert_eq!(marked(&found), ["大阪"]);
    let found = of("город", &"Большой город стоит на реке. ".repeat(20), 20);
    assert!(
        found.text.chars().count() <= 20 && found.text.contains("город"),
        "{found:?}"
    );
}

#[test]
fn huge_texts_are_looked_at_up_to_a_bound() {
    let text = "lorem ipsum dolor ".repeat(1_000_000);
    let found = of("ipsum", &text, 100);
    assert!(found.text.chars().count() <= 100);
    assert_eq!(
        found.matches as usize,
        MAX_BYTES / "lorem ipsum dolor ".len()
    );
}

#[test]
fn a_match_at_the_end_shows_what_precedes() {
    let text = format!(
        "{}The very last word is zebra",
        "Filler sentence number one. ".repeat(20)
    );
    let found = of("zebra", &text, 100);
    assert!(
        found.text.chars().count() > 80 && found.text.ends_with("zebra"),
        "{found:?}"
    );
}

#[test]
fn cuts_fall_between_words() {
    let text = "Alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau";
    let found = of("theta", text, 30);
    assert!(
        text.split(' ').any(|word| found.text.starts_with(word)),
        "{found:?}"
    );
    assert!(
        text.split(' ').any(|word| found.text.ends_with(word)),
        "{found:?}"
    );
}

proptest! {
    #[test]
    fn any_text_gives_a_piece_of_it_that_fits(query in "[a-c ]{0,3}[a-zé東京ü]{1,5}", text in "\\PC{0,300}", max_chars in 0_usize..100) {
        let Ok(query) = Query::parse(&query) else { return Ok(()) };
        let found = snippet(&query, &text, max_chars);
        prop_assert!(found.text.chars().count() <= max_chars);
        prop_assert!(text.contains(&found.text));
        for range in &found.ranges {
            prop_assert!(found.text.get(range.clone()).is_some());
        }
    }
}
