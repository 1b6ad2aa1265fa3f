//! A sentence, and what the rules find in it.

use mv2::cards::{CardKind, Polarity, Relation};

use super::rules::{Fact, Of, Rule, Shape, patterns};
use super::vocabulary::{
    ADVERBS, ASKING, DIETS, JOB_ENDINGS, JOBS, MONTHS_AND_DAYS, NO_JOBS, NO_LIKINGS, NO_NAMES,
    OFFICES, PETS, RELATIVES, STOPS, SUPPOSING, TELLING,
};
use super::words::Word;

/// Someone a statement may be about.
struct About {
    entity: String,
    of: Of,
    /// The first word behind.
    next: usize,
}

/// A sentence of what somebody says.
pub struct Sentence<'s, 'a> {
    /// The text that the words are of.
    pub text: &'a str,
    /// Its words.
    pub words: &'s [Word<'a>],
    /// Whom "I" means; `None`: nobody who counts.
    pub speaker: Option<&'s str>,
    /// Places of the text in quotation marks, bytes, ascending.
    pub quoted: &'s [std::ops::Range<usize>],
    /// Whether it ends with a question mark.
    pub is_question: bool,
}

impl Sentence<'_, '_> {
    fn lower(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| word.lower)
    }

    /// Calls `found` with what it states.
    pub fn facts(&self, found: &mut dyn FnMut(Fact)) {
        let mut at = 0;
        // Most sentences say nothing that a rule knows.
        let mut stated = None;
        while at < self.words.len() {
            let Some(mut about) = self.about(at) else {
                at += 1;
                continue;
            };
            let begin = at;
            at = about.next;
            let mut found = |fact| {
                let stated = stated.get_or_insert_with(|| self.stated());
                if stated.get(begin) == Some(&true) {
                    found(fact);
                }
            };
            while let Some(behind) = self.apply(&about, &mut found) {
                at = behind.max(at);
                // "works at Acme and lives in Berlin"
                let goes_on = about.of == Of::Subject
                    && self.lower(at) == "and"
                    && patterns().contains_key(self.lower(at + 1));
                if !goes_on {
                    break;
                }
                about.next = at + 1;
            }
        }
    }

    /// For each word whether what begins there is said as something that is so, by who speaks.
    fn stated(&self) -> Vec<bool> {
        let all_but_last = self.words.split_last().map_or(&[][..], |(_, rest)| rest);
        let last_clause = all_but_last
            .iter()
            .rposition(|word| word.is_last_of_clause)
            .map_or(0, |end| end + 1);
        let mut quoted = self.quoted.iter().peekable();
        let mut stated = Vec::with_capacity(self.words.len());
        let mut begins = true;
        let (mut is_told, mut is_supposed, mut asks) = (false, false, false);
        for (at, word) in self.words.iter().enumerate() {
            if begins {
                // "he said: I …", "she told me, I …"
                let before = self.words.get(at.saturating_sub(2)..at);
                let mut before = before.unwrap_or_default().iter();
                is_told = before.any(|word| TELLING.contains(word.lower));
                (is_supposed, asks) = (false, false);
            }
            while quoted.next_if(|range| range.end <= word.start).is_some() {}
            let is_quoted = quoted
                .peek()
                .is_some_and(|range| range.contains(&word.start));
            let is_asked = self.is_question && (asks || at >= last_clause);
            stated.push(!(is_quoted || is_told || is_supposed || is_asked));
            is_supposed |= SUPPOSING.contains(word.lower) || TELLING.contains(word.lower);
            asks |= begins && ASKING.contains(word.lower);
            begins = word.is_last_of_clause;
        }
        stated
    }

    /// Who is spoken about at a place.
    fn about(&self, at: usize) -> Option<About> {
        let of_speaker = |of| {
            Some(About {
                entity: self.speaker?.to_owned(),
                of,
                next: at + 1,
            })
        };
        match self.lower(at) {
            // "Alice and I" is not "I", "hiking and I" is.
            "i" if at < 2
                || self.lower(at - 1) != "and"
                || !self.words.get(at - 2).is_some_and(Word::is_capital) =>
            {
                return of_speaker(Of::Subject);
            }
            "my" => return of_speaker(Of::Owner),
            _ => {}
        }
        let length = self.name_length(at, 3);
        if length == 0 {
            return None;
        }
        let first = self.words.get(at)?;
        let last = self.words.get(at + length - 1)?;
        let entity = self.text.get(first.start..last.end)?.to_owned();
        let next = at + length;
        let is_owner = self.lower(next) == "'s" && !self.says_is(next);
        Some(About {
            entity,
            of: if is_owner { Of::Owner } else { Of::Subject },
            next: next + usize::from(is_owner),
        })
    }

    /// Whether `'s` stands for "is" here: "Alice's working at Acme".
    fn says_is(&self, at: usize) -> bool {
        matches!(
            self.lower(at + 1),
            "working"
                | "living"
                | "a"
                | "an"
                | "married"
                | "dating"
                | "allergic"
                | "from"
                | "based"
                | "originally"
                | "engaged"
                | "employed"
        )
    }

    fn is_clause_end(&self, at: usize) -> bool {
        self.words.get(at).is_none_or(|word| word.is_last_of_clause)
    }

    /// How many words from a place on make up a name; 0 for none.
    fn name_length(&self, at: usize, most: usize) -> usize {
        let mut length = 0;
        while length < most {
            let Some(word) = self.words.get(at + length) else {
                break;
            };
            if !word.is_capital() || word.text.contains('@') || NO_NAMES.contains(word.lower) {
                break;
            }
            length += 1;
            if word.is_last_of_clause {
                break;
            }
        }
        length
    }

    /// The first rule that fits, and the place behind what it took.
    fn apply(&self, about: &About, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        let mut at = about.next;
        if about.of == Of::Owner {
            if let Some(behind) = self.relative(about, found) {
                return Some(behind);
            }
            if let Some(behind) = self.favorite(about, found) {
                return Some(behind);
            }
        } else {
            while ADVERBS.contains(self.lower(at)) && at < about.next + 2 {
                at += 1;
            }
            if let Some(behind) = self.pet(about, at, found) {
                return Some(behind);
            }
            if let Some(behind) = self.belongs_to(about, at, found) {
                return Some(behind);
            }
            // "moved from Boston to Munich"
            if matches!(self.lower(at), "moved" | "relocated") && self.lower(at + 1) == "from" {
                let to = (at + 3..at + 7).find(|&to| self.lower(to) == "to")?;
                let end = self.value_end(to + 1, 8);
                found(Fact {
                    entity: about.entity.clone(),
                    slot: "location".to_owned(),
                    value: self.span(to + 1, end)?.to_owned(),
                    kind: CardKind::Fact,
                    polarity: None,
                    relation: Relation::Sets,
                });
                return Some(end);
            }
        }
        for pattern in patterns().get(self.lower(at)).into_iter().flatten() {
            let rule = pattern.rule;
            if rule.of != about.of {
                continue;
            }
            let Some(value_at) = pattern.behind(self.words, at) else {
                continue;
            };
            if let Some(behind) = self.take(about, rule, value_at, found) {
                return Some(behind);
            }
        }
        None
    }

    fn take(
        &self,
        about: &About,
        rule: &'static Rule,
        at: usize,
        found: &mut dyn FnMut(Fact),
    ) -> Option<usize> {
        let fact = |slot: &str, value: &str| Fact {
            entity: about.entity.clone(),
            slot: slot.to_owned(),
            value: value.to_owned(),
            kind: rule.kind,
            polarity: rule.polarity(),
            relation: rule.relation(),
        };
        match rule.shape {
            Shape::Being => self.being(about, at, found),
            Shape::Age => {
                let word = self.words.get(at).filter(|word| word.is_number())?;
                let is_age = word.text.parse::<u32>().is_ok_and(|age| age <= 120);
                let says_years = matches!(self.lower(at + 1), "years" | "year" | "yo");
                if !is_age || !says_years && !self.is_clause_end(at) && at + 1 < self.words.len() {
                    return None;
                }
                found(fact(rule.slot, word.text));
                Some(at + 1)
            }
            Shape::Email => {
                let word = self.words.get(at).filter(|word| word.text.contains('@'))?;
                found(fact(rule.slot, word.text));
                Some(at + 1)
            }
            Shape::Phone => {
                let start = self.words.get(at)?.start;
                let mut end = at;
                while self
                    .words
                    .get(end)
                    .is_some_and(|word| word.text.bytes().all(|byte| !byte.is_ascii_alphabetic()))
                {
                    end += 1;
                }
                let last = self.words.get(end.checked_sub(1)?)?;
                // A plus sign or a bracket in front belongs to it.
                let from = self
                    .text
                    .get(..start)?
                    .rfind(' ')
                    .map_or(0, |space| space + 1);
                let value = self.text.get(from..last.end)?;
                if value.bytes().filter(u8::is_ascii_digit).count() < 5 {
                    return None;
                }
                found(fact(rule.slot, value));
                Some(end)
            }
            Shape::Name => {
                let at = at + usize::from(self.lower(at) == "the");
                let end = self.long_name(at)?;
                found(fact(rule.slot, self.span(at, end)?));
                Some(end)
            }
            Shape::Birth => {
                let end = self.value_end(at, 5);
                let value = self.span(at, end)?;
                let is_date = value.bytes().any(|byte| byte.is_ascii_digit());
                let slot = if is_date { rule.slot } else { "birthplace" };
                if !is_date && !self.words.get(at)?.is_capital() {
                    return None;
                }
                found(fact(slot, value));
                Some(end)
            }
            Shape::Phrase => {
                let at = self.behind_article(at);
                let end = self.value_end(at, 8);
                let value = self.span(at, end)?;
                found(fact(rule.slot, value));
                // "works at Acme as a chemist"
                if rule.slot == "employer"
                    && rule.relation() == Relation::Sets
                    && self.lower(end) == "as"
                {
                    let at = self.behind_article(end + 1);
                    let end = self.value_end(at, 5);
                    if let Some(title) = self.span(at, end) {
                        found(fact("job_title", title));
                        return Some(end);
                    }
                }
                Some(end)
            }
            Shape::Liking => {
                let mut at = self.behind_article(at);
                if self.lower(at) == "to" {
                    at += 1;
                }
                if NO_LIKINGS.contains(self.lower(at)) {
                    return None;
                }
                let end = self.value_end(at, 6);
                found(fact(rule.slot, self.span(at, end)?));
                Some(end)
            }
        }
    }

    /// "is a nurse", "is the CEO of Acme", "is vegan".
    fn being(&self, about: &About, at: usize, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        let has_article = matches!(self.lower(at), "a" | "an" | "the");
        let at = at + usize::from(has_article);
        let fact = |slot: &str, value: &str, kind| Fact {
            entity: about.entity.clone(),
            slot: slot.to_owned(),
            value: value.to_owned(),
            kind,
            polarity: None,
            relation: Relation::Sets,
        };
        if DIETS.contains(self.lower(at)) {
            found(fact("diet", self.lower(at), CardKind::Profile));
            return Some(at + 1);
        }
        let mut end = at;
        while end < at + 4
            && !matches!(
                self.lower(end),
                "" | "at" | "of" | "for" | "in" | "and" | "with" | "from"
            )
            && !STOPS.contains(self.lower(end))
        {
            end += 1;
            if self.is_clause_end(end - 1) {
                break;
            }
        }
        let title = self.span(at, end)?;
        let last = self.lower(end - 1);
        let joins = matches!(self.lower(end), "of" | "at") && !self.is_clause_end(end - 1);
        let names_office = (at..end).any(|at| OFFICES.contains(self.lower(at)));
        if joins && names_office {
            let at = end + 1 + usize::from(self.lower(end + 1) == "the");
            if let Some(behind) = self.long_name(at) {
                let name = self.span(at, behind)?;
                found(fact("role", &format!("{title} at {name}"), CardKind::Fact));
                return Some(behind);
            }
        }
        let is_job = JOBS.contains(last)
            || JOB_ENDINGS.iter().any(|ending| last.ends_with(ending)) && !NO_JOBS.contains(last);
        if !has_article || !is_job || last.len() < 4 {
            return None;
        }
        found(fact("job_title", title, CardKind::Fact));
        if self.lower(end) == "at" {
            let at = self.behind_article(end + 1);
            let behind = self.value_end(at, 5);
            if self.words.get(at).is_some_and(Word::is_capital) {
                found(fact("employer", self.span(at, behind)?, CardKind::Fact));
                return Some(behind);
            }
        }
        Some(end)
    }

    /// "my wife is Maria", "my daughter's name is Emma", "my brother Tom".
    fn relative(&self, about: &About, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        let mut at = about.next;
        // "best friend", "older brother"
        if matches!(
            self.lower(at),
            "best" | "older" | "younger" | "little" | "big" | "new" | "dear" | "late"
        ) {
            at += 1;
        }
        let relative = self.lower(at).to_owned();
        let is_pet = PETS.contains(relative.as_str());
        if !is_pet && !RELATIVES.contains(relative.as_str()) {
            return None;
        }
        at += 1;
        let mut has_verb = false;
        if self.lower(at) == "'s" && self.lower(at + 1) == "name" {
            at += 2;
        }
        if matches!(self.lower(at), "is" | "'s") {
            has_verb = true;
            at += 1;
            if matches!(self.lower(at), "called" | "named") {
                at += 1;
            }
        }
        let length = self.name_length(at, 3);
        if length == 0 || !has_verb && self.is_clause_end(at.saturating_sub(1)) {
            return None;
        }
        let name = self.span(at, at + length)?;
        let fact = |slot: &str, value: &str, kind| Fact {
            entity: about.entity.clone(),
            slot: slot.to_owned(),
            value: value.to_owned(),
            kind,
            polarity: None,
            relation: Relation::Sets,
        };
        if is_pet {
            found(fact("pet", &relative, CardKind::Fact));
            found(fact("pet_name", name, CardKind::Fact));
        } else {
            found(fact(&relative, name, CardKind::Relationship));
        }
        // What follows may be about that one: "my brother Tom works at Acme".
        Some(if has_verb { at + length } else { at })
    }

    /// "Bob is Alice's brother", "Carol is my boss".
    fn belongs_to(&self, about: &About, at: usize, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        if !matches!(self.lower(at), "is" | "'s") {
            return None;
        }
        let owner = self.about(at + 1).filter(|owner| owner.of == Of::Owner)?;
        let relative = self.lower(owner.next);
        if !RELATIVES.contains(relative) {
            return None;
        }
        found(Fact {
            entity: owner.entity,
            slot: relative.to_owned(),
            value: about.entity.clone(),
            kind: CardKind::Relationship,
            polarity: None,
            relation: Relation::Sets,
        });
        Some(owner.next + 1)
    }

    /// "my favorite color is blue".
    fn favorite(&self, about: &About, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        if !matches!(self.lower(about.next), "favorite" | "favourite") {
            return None;
        }
        let first = about.next + 1;
        let verb = (first + 1..first + 4).find(|&at| matches!(self.lower(at), "is" | "are"))?;
        let thing = (first..verb)
            .map(|at| self.lower(at))
            .collect::<Vec<_>>()
            .join("_");
        let at = self.behind_article(verb + 1);
        let end = self.value_end(at, 8);
        found(Fact {
            entity: about.entity.clone(),
            slot: format!("favorite_{thing}"),
            value: self.span(at, end)?.to_owned(),
            kind: CardKind::Preference,
            polarity: Some(Polarity::Positive),
            relation: Relation::Sets,
        });
        Some(end)
    }

    /// "have a dog named Rex".
    fn pet(&self, about: &About, at: usize, found: &mut dyn FnMut(Fact)) -> Option<usize> {
        if !matches!(
            self.lower(at),
            "have" | "has" | "own" | "owns" | "adopted" | "got"
        ) || !matches!(self.lower(at + 1), "a" | "an")
        {
            return None;
        }
        let mut end = at + 2;
        while end < at + 5 && !PETS.contains(self.lower(end)) {
            end += 1;
        }
        let pet = self.lower(end);
        if !PETS.contains(pet) {
            return None;
        }
        let fact = |slot: &str, value: &str| Fact {
            entity: about.entity.clone(),
            slot: slot.to_owned(),
            value: value.to_owned(),
            kind: CardKind::Fact,
            polarity: None,
            relation: Relation::Sets,
        };
        found(fact("pet", pet));
        if matches!(self.lower(end + 1), "named" | "called") {
            let length = self.name_length(end + 2, 3);
            if length > 0 {
                found(fact("pet_name", self.span(end + 2, end + 2 + length)?));
                return Some(end + 2 + length);
            }
        }
        Some(end + 1)
    }

    fn behind_article(&self, at: usize) -> usize {
        at + usize::from(matches!(self.lower(at), "a" | "an" | "the"))
    }

    /// The place behind a value of at most `most` words: where its clause ends, or goes on with something else.
    fn value_end(&self, at: usize, most: usize) -> usize {
        let mut end = at;
        while end < at + most {
            let word = self.lower(end);
            let is_stop = word.is_empty()
                || STOPS.contains(word)
                || word == "and" && self.begins_clause(end + 1)
                || matches!(word, "in" | "for" | "on") && end > at && self.says_when(end + 1);
            if is_stop {
                break;
            }
            end += 1;
            if self.is_clause_end(end - 1) {
                break;
            }
        }
        end
    }

    /// Whether a new statement begins here.
    fn begins_clause(&self, at: usize) -> bool {
        let word = self.lower(at);
        matches!(
            word,
            "" | "i" | "my" | "we" | "he" | "she" | "they" | "it" | "you" | "hate" | "hates" | "love" | "loves" | "live"
                | "lives" | "work" | "works" | "like" | "likes" | "have" | "has" | "am" | "is" | "want" | "wants"
                | "don't" | "can't" | "our"
        ) || ADVERBS.contains(word)
            // "and Bob works at …"
            || self.name_length(at, 1) > 0
                && patterns().contains_key(self.lower(at + 1))
                && self.lower(at + 1) != "'s"
    }

    /// Whether a time stands here: "2021", "ten years", "the moment", "Monday".
    fn says_when(&self, at: usize) -> bool {
        let is_span = |word: &str| {
            ["year", "month", "week", "day", "hour"]
                .iter()
                .any(|span| word.starts_with(span))
        };
        self.words.get(at).is_some_and(Word::is_number)
            || is_span(self.lower(at + 1))
            || is_span(self.lower(at + 2))
                && matches!(self.lower(at), "a" | "the" | "over" | "about" | "almost")
            || MONTHS_AND_DAYS.contains(self.lower(at))
    }

    /// A name of up to six words that begin with capital letters, and what joins those; `None` when there is none.
    fn long_name(&self, at: usize) -> Option<usize> {
        let mut end = at;
        let mut last = None;
        while end < at + 6 {
            let Some(word) = self.words.get(end) else {
                break;
            };
            let is_part = word.is_capital() && (end > at || !NO_NAMES.contains(word.lower));
            let joins = end > at
                && matches!(
                    word.lower,
                    "of" | "and" | "&" | "the" | "de" | "van" | "von"
                )
                && !(word.lower == "and" && self.begins_clause(end + 1));
            if is_part {
                last = Some(end + 1);
            } else if !(joins || end > at && word.is_number() && last == Some(end)) {
                break;
            }
            end += 1;
            if word.is_last_of_clause {
                break;
            }
        }
        last
    }

    /// The text of words, from one up to another; `None` when there are none.
    fn span(&self, from: usize, to: usize) -> Option<&str> {
        if to <= from {
            return None;
        }
        let text = self
            .text
            .get(self.words.get(from)?.start..self.words.get(to - 1)?.end)?;
        // Longer ones are no values.
        (text.len() <= 200).then_some(text)
    }
}
