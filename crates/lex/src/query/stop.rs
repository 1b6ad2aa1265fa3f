//! Words that say nothing about what is looked for.

/// Whether `term` (as analysed) is an English function word. Such words are left out of a ranked query that has others;
/// in phrases and when nothing else is there they count like any word.
pub(super) fn is_stop_word(term: &str) -> bool {
    STOP_WORDS.binary_search(&term).is_ok()
}

/// Sorted. Analysed forms: possessives and verb endings are gone, `don't` is `dont`.
const STOP_WORDS: &[&str] = &[
    "a", "about", "am", "an", "and", "any", "are", "arent", "as", "at", "be", "been", "being",
    "but", "by", "can", "cant", "could", "couldnt", "did", "didnt", "do", "does", "doesnt",
    "doing", "dont", "for", "from", "had", "hadnt", "has", "hasnt", "have", "havent", "having",
    "he", "her", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "isnt", "it", "its",
    "me", "my", "no", "nor", "not", "of", "on", "or", "our", "ours", "she", "should", "shouldnt",
    "so", "some", "such", "than", "that", "the", "their", "theirs", "them", "then", "there",
    "these", "they", "this", "those", "to", "too", "us", "was", "wasnt", "we", "were", "werent",
    "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "wont",
    "would", "wouldnt", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(STOP_WORDS.is_sorted());
        assert!(is_stop_word("the") && !is_stop_word("database"));
    }
}
