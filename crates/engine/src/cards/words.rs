//! Sentences and words of a text, as the rules see them.

/// A word, with what stands behind it.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// As it is written.
    pub text: &'a str,
    /// With small letters (ASCII only: the rules are in English); short forms are written out: `'m` is `am`.
    pub lower: &'a str,
    /// Place in the text, bytes.
    pub start: usize,
    /// Place behind it, bytes.
    pub end: usize,
    /// Whether something other than a space or a hyphen stands between it and the next one.
    pub is_last_of_clause: bool,
}

impl Word<'_> {
    /// Whether it begins with a capital letter, as names do.
    #[must_use]
    pub fn is_capital(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }

    /// Whether it is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// Words whose full stop ends no sentence by itself.
const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "jr", "sr", "vs", "e.g", "i.e", "no", "approx", "dept",
    "est",
];

/// The same for ends of names of companies: what has a capital letter behind them is something else.
const COMPANY_ENDS: &[&str] = &["inc", "ltd", "co", "corp", "llc", "plc"];

/// Words with a capital letter that begin a sentence, wherever they stand.
const BEGINNINGS: &[&str] = &[
    "i", "my", "he", "his", "she", "her", "it", "its", "we", "our", "you", "your", "they", "their",
    "this", "that", "these", "those", "there", "the", "and", "but", "or", "so", "if", "when",
    "while", "because", "then", "also", "however", "after", "before", "although", "everyone",
    "nobody", "somebody", "what", "who", "where", "why", "how", "do", "does", "did", "is", "are",
    "was", "were",
];

/// Calls `visit` with the words of each sentence, and whether it is a question. `lower` is `text` with small ASCII letters.
pub fn each_sentence<'a>(text: &'a str, lower: &'a str, visit: &mut dyn FnMut(&[Word<'a>], bool)) {
    let mut words: Vec<Word<'a>> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if is_word(first) {
            let mut end = start + first.len_utf8();
            while let Some(&(at, next)) = chars.peek() {
                let after = at + next.len_utf8();
                let goes_on = is_word(next)
                    || is_inner(next) && text.get(after..).is_some_and(begins_with_word);
                if !goes_on {
                    break;
                }
                end = after;
                chars.next();
            }
            push_word(&mut words, text, lower, start, end);
            continue;
        }
        let ends = match first {
            '\n' | '!' | '?' | ';' | '。' | '！' | '？' => true,
            '.' => ends_sentence(&words, text.get(start + 1..).unwrap_or_default()),
            _ => false,
        };
        if ends {
            if !words.is_empty() {
                visit(&words, matches!(first, '?' | '？'));
                words.clear();
            }
        } else if !matches!(first, ' ' | '\t' | '-' | '.')
            && let Some(last) = words.last_mut()
        {
            last.is_last_of_clause = true;
        }
    }
    if !words.is_empty() {
        visit(&words, false);
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '+' | '#' | '_' | '&')
}

/// What may stand inside a word.
fn is_inner(character: char) -> bool {
    matches!(character, '\'' | '.' | '@' | '-' | ':' | '/')
}

fn begins_with_word(rest: &str) -> bool {
    rest.chars().next().is_some_and(is_word)
}

fn ends_sentence(words: &[Word<'_>], rest: &str) -> bool {
    let Some(last) = words.last() else {
        return false;
    };
    let is_company = COMPANY_ENDS.contains(&last.lower);
    let is_short = is_company
        || ABBREVIATIONS.contains(&last.lower)
        || last.text.chars().count() == 1 && last.is_capital() && last.lower != "i";
    let rest = rest.trim_start_matches(['"', ')', ' ']);
    let Some(first) = rest.chars().next().filter(|next| next.is_alphanumeric()) else {
        return true;
    };
    if !is_short {
        return true;
    }
    if !first.is_uppercase() {
        return false;
    }
    let length = rest.find(|next: char| !next.is_alphanumeric());
    let (next, behind) = rest.split_at(length.unwrap_or(rest.len()));
    let next = next.to_ascii_lowercase();
    // "Acme Co. Ltd."; and "J. I. Smith", where the letter is of the name.
    if is_company && !COMPANY_ENDS.contains(&next.as_str()) {
        return true;
    }
    let is_letter = next.len() == 1 && behind.starts_with('.');
    BEGINNINGS.contains(&next.as_str()) && !is_letter
}

/// Splits what is attached to a word (`I'm`, `Alice's`) off.
fn push_word<'a>(
    words: &mut Vec<Word<'a>>,
    text: &'a str,
    lower: &'a str,
    start: usize,
    end: usize,
) {
    let mut push = |start: usize, end: usize, written_out: Option<&'static str>| {
        if let (Some(text), Some(lower)) = (text.get(start..end), lower.get(start..end)) {
            words.push(Word {
                text,
                lower: written_out.unwrap_or(lower),
                start,
                end,
                is_last_of_clause: false,
            });
        }
    };
    let whole = lower.get(start..end).unwrap_or_default();
    for (short, long) in [
        ("'m", "am"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'d", "would"),
        ("'ll", "will"),
        ("'s", "'s"),
    ] {
        if let Some(stem) = whole.strip_suffix(short)
            && !stem.is_empty()
        {
            let middle = start + stem.len();
            push(start, middle, None);
            push(middle, end, Some(long));
            return;
        }
    }
    push(start, end, None);
}
