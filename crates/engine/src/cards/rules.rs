//! The rules engine: plain statements about who somebody is, made into facts.
//!
//! A rule is the beginning of a statement behind its subject: "works at". Subjects are `I` and names; owners are `my` and
//! names with `'s`. Facts of the first person are about `user`, or about who speaks where a line says so ("Alice: I …");
//! what an assistant says of itself is no fact, nor is what stands in quotation marks, what is asked, supposed ("if I …") or
//! told of others ("he said …"). A value ends where its clause ends. The rules would rather miss a statement than make one
//! up.

use std::sync::OnceLock;

use mv2::cards::{CardKind, Polarity, Relation};
use rustc_hash::FxHashMap;

use super::quotes::{Quotes, unquoted};
use super::sentence::Sentence;
use super::vocabulary::{NO_NAMES, PROGRAMS, USERS};
use super::words::{Word, each_sentence};

/// Name of this engine in cards.
pub const ENGINE: &str = "rules";
/// Its version; the reference's is 1.0.0.
pub const VERSION: &str = "2.0.0";

/// A statement that a text makes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact {
    /// Whom it is about.
    pub entity: String,
    /// Which property.
    pub slot: String,
    /// Its value, as it is written.
    pub value: String,
    /// What sort of statement it is.
    pub kind: CardKind,
    /// For or against the value.
    pub polarity: Option<Polarity>,
    /// Whether it holds, or holds no more.
    pub relation: Relation,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Names with capital letters, a job, a thing: up to eight words of the clause.
    Phrase,
    /// One to five words with capital letters, and what joins those.
    Name,
    /// A number of years up to 120.
    Age,
    /// A date, or a place for a slot that ends in `date`: then the slot is `birthplace`.
    Birth,
    /// An address with `@`.
    Email,
    /// Digits.
    Phone,
    /// What somebody is: a job, a way to eat, an office.
    Being,
    /// What somebody likes.
    Liking,
}

/// Who the statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// `I`, `Alice`.
    Subject,
    /// `my`, `Alice's`.
    Owner,
}

/// The beginning of a statement.
pub struct Rule {
    pub of: Of,
    /// Words behind the subject; `|` between those that may stand in one place, `?` behind what may be left out.
    pub words: &'static str,
    pub slot: &'static str,
    pub kind: CardKind,
    pub shape: Shape,
    pub how: How,
}

/// How a statement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is so.
    Holds,
    /// It is so no more.
    HoldsNoMore,
    /// Somebody likes it.
    Liked,
    /// Somebody dislikes it.
    Disliked,
}

/// One line a rule: of whom, the words, the slot, what the card and its value are like, and how it counts.
macro_rules! rules {
    ($($of:ident $words:literal => $slot:literal $kind:ident $shape:ident $how:ident,)*) => {
        /// Tried in this order: the first that fits a place wins.
        const RULES: &[Rule] = &[$(Rule {
            of: Of::$of,
            words: $words,
            slot: $slot,
            kind: CardKind::$kind,
            shape: Shape::$shape,
            how: How::$how,
        }),*];
    };
}

rules! {
    Subject "no longer work|works at|for" => "employer" Fact Phrase HoldsNoMore,
    Subject "used to work at|for" => "employer" Fact Phrase HoldsNoMore,
    Subject "do|does not work at|for" => "employer" Fact Phrase HoldsNoMore,
    Subject "don't|doesn't work at|for" => "employer" Fact Phrase HoldsNoMore,
    Subject "quit|left my|his|her|their job at" => "employer" Fact Phrase HoldsNoMore,
    Subject "no longer live|lives in|at" => "location" Fact Phrase HoldsNoMore,
    Subject "used to live in|at" => "location" Fact Phrase HoldsNoMore,
    Subject "don't|doesn't live in|at" => "location" Fact Phrase HoldsNoMore,
    Subject "work|works|working at|for" => "employer" Fact Phrase Holds,
    Subject "am|is|'s working at|for" => "employer" Fact Phrase Holds,
    Subject "am|is|'s employed at|by" => "employer" Fact Phrase Holds,
    Subject "started|began|start working at|for" => "employer" Fact Phrase Holds,
    Subject "got|accepted|have|has|took a new? job|position at" => "employer" Fact Phrase Holds,
    Subject "joined|joins" => "employer" Fact Name Holds,
    Subject "work|works as" => "job_title" Fact Phrase Holds,
    Subject "am|is|'s working as" => "job_title" Fact Phrase Holds,
    Owner "job|profession|occupation title? is" => "job_title" Fact Phrase Holds,
    Subject "live|lives|living in|at|near" => "location" Fact Phrase Holds,
    Subject "am|is|'s living|based|located in|near" => "location" Fact Phrase Holds,
    Subject "moved|relocated to" => "location" Fact Phrase Holds,
    Subject "am|is|'s originally? from" => "hometown" Profile Name Holds,
    Subject "come|comes from" => "hometown" Profile Name Holds,
    Subject "grew up in" => "hometown" Profile Phrase Holds,
    Owner "name is|'s" => "name" Profile Name Holds,
    Subject "am called" => "name" Profile Name Holds,
    Subject "am|is|'s turning?" => "age" Profile Age Holds,
    Subject "turned" => "age" Profile Age Holds,
    Owner "birthday is|'s on?" => "birthday" Profile Phrase Holds,
    Subject "was born in|on" => "birthdate" Profile Birth Holds,
    Owner "email|e-mail address? is|'s" => "email" Profile Email Holds,
    Owner "phone|mobile|telephone number? is|'s" => "phone" Profile Phone Holds,
    Subject "am|is|'s allergic to" => "allergy" Profile Phrase Holds,
    Subject "am|is|'s married to" => "spouse" Relationship Name Holds,
    Subject "am|is|'s engaged to" => "fiance" Relationship Name Holds,
    Subject "am|is|'s dating" => "partner" Relationship Name Holds,
    Subject "speak|speaks" => "language" Fact Name Holds,
    Subject "graduated from" => "school" Fact Phrase Holds,
    Subject "drive|drives a|an" => "vehicle" Fact Phrase Holds,
    Owner "hobby|hobbies is|are|include|includes" => "hobby" Preference Phrase Holds,
    Owner "goal|dream is to?" => "goal" Goal Phrase Holds,
    Subject "am|is|'s" => "" Fact Being Holds,
    Subject "was founded|promoted|hired|elected|appointed" => "career_event" Event Phrase Holds,
    Subject "don't|doesn't like|enjoy|love" => "preference" Preference Liking Disliked,
    Subject "do|does not like|enjoy|love" => "preference" Preference Liking Disliked,
    Subject "can't|cannot stand" => "preference" Preference Liking Disliked,
    Subject "hate|hates|dislike|dislikes|detest|detests" => "preference" Preference Liking Disliked,
    Subject "love|loves|like|likes|enjoy|enjoys|prefer|prefers|adore|adores" => "preference" Preference Liking Liked,
}

impl Rule {
    /// For or against the value.
    #[must_use]
    pub fn polarity(&self) -> Option<Polarity> {
        match self.how {
            How::Liked => Some(Polarity::Positive),
            How::Disliked => Some(Polarity::Negative),
            How::Holds | How::HoldsNoMore => None,
        }
    }

    /// Whether it gives a value or takes one back.
    #[must_use]
    pub fn relation(&self) -> Relation {
        if self.how == How::HoldsNoMore {
            Relation::Retracts
        } else {
            Relation::Sets
        }
    }
}

/// A rule taken apart.
pub struct Pattern {
    pub rule: &'static Rule,
    /// Words that may stand in each place, and whether the place may be left out.
    places: Vec<(Vec<&'static str>, bool)>,
}

/// The rules by their first word.
pub fn patterns() -> &'static FxHashMap<&'static str, Vec<Pattern>> {
    static PATTERNS: OnceLock<FxHashMap<&'static str, Vec<Pattern>>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let mut patterns: FxHashMap<&'static str, Vec<Pattern>> = FxHashMap::default();
        for rule in RULES {
            let place = |words: &'static str| {
                let may_lack = words.ends_with('?');
                let words = words.trim_end_matches('?').split('|').collect::<Vec<_>>();
                (words, may_lack)
            };
            let places: Vec<_> = rule.words.split(' ').map(place).collect();
            let firsts = places.first().map(|(words, _)| words.clone());
            for first in firsts.unwrap_or_default() {
                let places = places.clone();
                patterns
                    .entry(first)
                    .or_default()
                    .push(Pattern { rule, places });
            }
        }
        patterns
    })
}

impl Pattern {
    /// The first word behind the rule's words, when they stand at `at`.
    pub fn behind(&self, words: &[Word<'_>], mut at: usize) -> Option<usize> {
        for (alternatives, may_lack) in &self.places {
            match words.get(at) {
                Some(word) if alternatives.contains(&word.lower) => at += 1,
                _ if *may_lack => {}
                _ => return None,
            }
        }
        Some(at)
    }
}

/// Calls `found` with each statement of a text, in its order, each once a line.
pub fn extract(text: &str, found: &mut dyn FnMut(Fact)) {
    // Typographic apostrophes are what people's telephones write.
    let text = if text.contains('’') {
        text.replace('’', "'")
    } else {
        text.to_owned()
    };
    let mut quotes = Quotes::default();
    for line in text.lines() {
        let (speaker, said, is_named) = speaker_of(line);
        if is_named || line.trim().is_empty() {
            quotes = Quotes::default();
        }
        // "Caroline: "I love painting!"" is said by her.
        let said = if is_named { unquoted(said) } else { said };
        let quoted = quotes.of_line(said);
        let lower = said.to_ascii_lowercase();
        each_sentence(said, &lower, &mut |words, is_question| {
            Sentence {
                text: said,
                words,
                speaker: speaker.as_deref(),
                quoted: &quoted,
                is_question,
            }
            .facts(found);
        });
    }
}

/// Whom "I" means in a line, the line without that, and whether the line says so. `None`: nobody who counts.
fn speaker_of(line: &str) -> (Option<String>, &str, bool) {
    let user = || Some("user".to_owned());
    let Some((name, said)) = line.split_once(": ") else {
        return (user(), line, false);
    };
    let name = name
        .trim()
        .trim_matches(['*', '[', ']', '-', '>', '#', ' ']);
    let words = name.split(' ').count();
    let lower = name.to_lowercase();
    if USERS.contains(lower.as_str()) {
        return (user(), said, true);
    }
    if PROGRAMS.contains(lower.as_str()) {
        return (None, said, true);
    }
    let is_name = words <= 3
        && name.split(' ').all(|word| {
            word.chars().next().is_some_and(char::is_uppercase)
                && word
                    .chars()
                    .all(|character| character.is_alphabetic() || character == '.')
        });
    if is_name && !NO_NAMES.contains(lower.as_str()) {
        (Some(name.to_owned()), said, true)
    } else {
        (user(), line, false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `entity.slot=value`, with `-` for what is disliked and `!` for what holds no more.
    fn facts(text: &str) -> Vec<String> {
        let mut facts = Vec::new();
        extract(text, &mut |fact| {
            let mark = match (fact.relation, fact.polarity) {
                (Relation::Retracts, _) => "!",
                (_, Some(Polarity::Negative)) => "-",
                _ => "",
            };
            facts.push(format!(
                "{}.{}={mark}{}",
                fact.entity, fact.slot, fact.value
            ));
        });
        facts
    }

    #[test]
    fn plain_statements_become_facts() {
        let mut wrong = Vec::new();
        for (text, expected) in [
            ("I work at Acme Corp", &["user.employer=Acme Corp"][..]),
            (
                "I'm working for the Red Cross now.",
                &["user.employer=Red Cross"],
            ),
            ("I live in Berlin.", &["user.location=Berlin"]),
            ("My name is Alice Johnson.", &["user.name=Alice Johnson"]),
            ("I am 34 years old.", &["user.age=34"]),
            (
                "I love hiking and I hate mushrooms.",
                &["user.preference=hiking", "user.preference=-mushrooms"],
            ),
            (
                "I prefer tea over coffee.",
                &["user.preference=tea over coffee"],
            ),
            ("My favorite color is blue.", &["user.favorite_color=blue"]),
            ("My favourite food is sushi", &["user.favorite_food=sushi"]),
            (
                "I am a software engineer.",
                &["user.job_title=software engineer"],
            ),
            ("I’m a vegetarian.", &["user.diet=vegetarian"]),
            ("I am allergic to peanuts.", &["user.allergy=peanuts"]),
            ("My wife is Maria.", &["user.wife=Maria"]),
            ("My daughter's name is Emma.", &["user.daughter=Emma"]),
            ("I was born in 1990.", &["user.birthdate=1990"]),
            ("I was born in Paris.", &["user.birthplace=Paris"]),
            ("My birthday is March 5.", &["user.birthday=March 5"]),
            (
                "My email is alice@example.com.",
                &["user.email=alice@example.com"],
            ),
            (
                "My phone number is +1 555-123-4567.",
                &["user.phone=+1 555-123-4567"],
            ),
            (
                "I have a dog named Rex.",
                &["user.pet=dog", "user.pet_name=Rex"],
            ),
            (
                "I moved from Boston to Munich last year.",
                &["user.location=Munich"],
            ),
            ("I moved to Munich last year.", &["user.location=Munich"]),
            (
                "I graduated from Stanford University in 2012.",
                &["user.school=Stanford University"],
            ),
            (
                "My goal is to run a marathon.",
                &["user.goal=run a marathon"],
            ),
            ("I used to work at Globex.", &["user.employer=!Globex"]),
            ("I no longer work at Acme.", &["user.employer=!Acme"]),
            (
                "I started working at Initech in 2021.",
                &["user.employer=Initech"],
            ),
            ("I am married to Bob.", &["user.spouse=Bob"]),
            ("My manager is Carol.", &["user.manager=Carol"]),
            ("I don't like spinach.", &["user.preference=-spinach"]),
            ("I'm from Canada.", &["user.hometown=Canada"]),
            ("My hobby is photography.", &["user.hobby=photography"]),
            ("I drive a Tesla.", &["user.vehicle=Tesla"]),
            (
                "Alice works at Acme Corp and lives in Berlin.",
                &["Alice.employer=Acme Corp", "Alice.location=Berlin"],
            ),
            ("Alice is the CEO of Acme.", &["Alice.role=CEO at Acme"]),
            ("Bob is Alice's brother.", &["Alice.brother=Bob"]),
            ("Carol is my boss.", &["user.boss=Carol"]),
            (
                "Alice's favorite movie is Alien.",
                &["Alice.favorite_movie=Alien"],
            ),
            (
                "Alice's job title is Director.",
                &["Alice.job_title=Director"],
            ),
            ("Alice's working at Acme.", &["Alice.employer=Acme"]),
            ("Alice works as a nurse.", &["Alice.job_title=nurse"]),
            (
                "Sarah Connor joined Google as a product manager.",
                &["Sarah Connor.employer=Google"],
            ),
            (
                "I work at Umbrella as a chemist.",
                &["user.employer=Umbrella", "user.job_title=chemist"],
            ),
            (
                "My brother Tom works at Initech.",
                &["user.brother=Tom", "Tom.employer=Initech"],
            ),
            (
                "I work at Acme Corp. My wife is Maria.",
                &["user.employer=Acme Corp", "user.wife=Maria"],
            ),
            (
                "I work at Acme Co. Ltd. Bob lives in Rome.",
                &["user.employer=Acme Co. Ltd", "Bob.location=Rome"],
            ),
            (
                "I work at Acme Co. My son is Tom.",
                &["user.employer=Acme Co", "user.son=Tom"],
            ),
            (
                "I live on 5 Main St. I work at Dr. Oetker.",
                &["user.employer=Dr. Oetker"],
            ),
            (
                "I live in Building B. My name is J. K. Smith.",
                &["user.location=Building B", "user.name=J. K. Smith"],
            ),
            (
                "I live in Berlin, do you know it?",
                &["user.location=Berlin"],
            ),
            (
                "If it rains, call me. I work at \"Acme\".",
                &["user.employer=Acme"],
            ),
            (
                "I live in Berlin. He said: \"I live in Paris\". My dog is Rex.",
                &["user.location=Berlin", "user.pet=dog", "user.pet_name=Rex"],
            ),
            (
                "My parents' house is 5'10\" wide and I live in Rome.",
                &["user.location=Rome"],
            ),
            (
                "I live in St. Louis and my cat is called Tom.",
                &[
                    "user.location=St. Louis",
                    "user.pet=cat",
                    "user.pet_name=Tom",
                ],
            ),
        ] {
            let made = facts(text);
            if made != expected {
                wrong.push(format!("{text}: {made:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn who_speaks_is_whom_it_is_about() {
        let talk = "User: I work at Acme.\nAssistant: I am a helpful helper, I live in the cloud.\nCaroline: I love painting!\n";
        assert_eq!(
            facts(talk),
            ["user.employer=Acme", "Caroline.preference=painting"]
        );
        assert_eq!(
            facts("Caroline: \"I love painting!\"\nCaroline: \"I live in Rome.\""),
            ["Caroline.preference=painting", "Caroline.location=Rome"]
        );
        assert_eq!(
            facts("Note to self: I live in Berlin."),
            ["user.location=Berlin"]
        );
    }

    #[test]
    fn long_lines_take_time_by_their_length() {
        let started = std::time::Instant::now();
        for piece in [
            "Bob works at Acme ",
            "I live in \"Rome\" ",
            "'a \"b 'c ",
            "if I work at ",
            "He said: \"I ",
        ] {
            let text = format!("{}?", piece.repeat(100_000));
            facts(&text);
        }
        assert!(started.elapsed().as_secs() < 60);
    }

    #[test]
    fn what_states_nothing_makes_no_fact() {
        for text in [
            "The quick brown fox jumps over the lazy dog.",
            "I like it.",
            "I'd like to order a pizza.",
            "Do you like cheese?",
            "I am a bit tired.",
            "I am a big fan of yours.",
            "People like pizza.",
            "It works at night.",
            "She is a person.",
            "I am happy.",
            "I love you.",
            "Paris is the capital of France.",
            "If I work at Acme, I get rich.",
            "I get rich if I work at Acme and live in Berlin.",
            "Unless my wife is Maria, nobody knows.",
            "He said: \"I live in Paris\".",
            "He said: “I live in Paris. My wife is Maria.”",
            "He said: 'I live in Paris.'",
            "\"I live in Paris,\" she said. \"I work at Acme.\"",
            "She wrote: \"I am old.\nI live in Paris.\nI work at Acme.\"",
            "He said: I live in Paris.",
            "She told me I work at Acme.",
            "Do I live in Paris?",
            "Why would anybody say that my wife is Maria?",
            "I work at",
            "My favorite",
            "",
            "\u{0}\u{0}",
            "我住在北京。",
        ] {
            assert_eq!(facts(text), Vec::<String>::new(), "{text}");
        }
    }
}
