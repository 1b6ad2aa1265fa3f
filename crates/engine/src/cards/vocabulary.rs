//! The words that the rules know.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;

/// Some words.
pub struct Words {
    list: &'static str,
    set: OnceLock<FxHashSet<&'static str>>,
}

const fn words(list: &'static str) -> Words {
    Words {
        list,
        set: OnceLock::new(),
    }
}

impl Words {
    /// Whether a word with small letters is one of them.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        let set = self
            .set
            .get_or_init(|| self.list.split_ascii_whitespace().collect());
        set.contains(word)
    }
}

/// Words between a subject and what it does.
pub static ADVERBS: Words = words(
    "really absolutely currently now also just still always recently actually both especially usually \
     mostly generally truly",
);

/// What stands in front of something that need not be so.
pub static SUPPOSING: Words = words(
    "if unless whether suppose supposing assume assuming imagine pretend wish would could might",
);

/// What stands in front of something that somebody else says or thinks.
pub static TELLING: Words = words(
    "said says saying told tells wrote writes thinks thought believes believed claims claimed asked asks replied answered \
     quoted shouted whispered",
);

/// What questions begin with.
pub static ASKING: Words = words(
    "do does did don't doesn't didn't am is are was were have has had can will would could should shall may who what \
     when where why how which whose",
);

/// How people are related; the slot of who belongs to somebody.
pub static RELATIVES: Words = words(
    "wife husband spouse partner girlfriend boyfriend fiance fiancee mother mom father dad brother sister \
     son daughter grandmother grandfather aunt uncle cousin nephew niece friend boss manager colleague \
     coworker mentor assistant roommate neighbor neighbour doctor dentist therapist teacher",
);

pub static PETS: Words =
    words("dog cat puppy kitten parrot hamster rabbit horse bird fish turtle snake");

pub static DIETS: Words = words("vegetarian vegan pescatarian omnivore");

pub static OFFICES: Words = words(
    "ceo cto cfo coo founder co-founder cofounder president chairman chairwoman chair director head owner \
     principal dean editor manager",
);

/// Jobs that no ending tells.
pub static JOBS: Words = words(
    "nurse chef cook judge pilot coach clerk artist model monk guide intern architect analyst scientist \
     student freelancer entrepreneur therapist athlete",
);

/// Words with such an ending that are no jobs.
pub static NO_JOBS: Words = words(
    "person woman man human other number member lover sister mother father brother daughter winner loser \
     beginner believer minor senior junior stranger neighbor vegetarian newcomer matter bummer disaster \
     factor christian american supporter fighter sucker listener owner important giant killer survivor \
     german want wonder canadian italian brazilian australian indian russian asian",
);

/// Words that begin sentences, and are no names.
pub static NO_NAMES: Words = words(
    "i the a an he she it we they you this that these those there here when while where who what why how \
     which if but and or so because since as at in on for from to my your his her its our their everyone \
     everybody someone somebody anyone nobody people some many most all both one no yes not then now \
     today yesterday tomorrow monday tuesday wednesday thursday friday saturday sunday january february \
     march april may june july august september october november december also however after before once \
     do does did is are was were has have had can could would should will let please ok okay hi hello hey \
     thanks thank well oh wow user assistant system with although though maybe perhaps every each other \
     another nothing everything something children dogs cats kids students women men users customers",
);

/// Who speaks for the user in a line that begins with "Name:", and who speaks for a program.
pub static USERS: Words = words("user me human customer q");

pub static PROGRAMS: Words = words("assistant ai bot system agent chatbot model tool a");

/// Words at which a value ends.
pub static STOPS: Words = words(
    "but because since so when while which who whose where though although if until unless now anymore \
     currently today yesterday tonight recently nowadays these i am is are was were has have then that \
     too either lately ago after before as last next this every whenever however anyway right full-time \
     part-time",
);

/// What is no value of a liking: what it stands for is somewhere else.
pub static NO_LIKINGS: Words = words(
    "it this that these those you him her them how what when where who your our us me one so all \
     everything to",
);

pub static MONTHS_AND_DAYS: Words = words(
    "january february march april may june july august september october november december monday tuesday \
     wednesday thursday friday saturday sunday",
);

pub const JOB_ENDINGS: &[&str] = &["er", "or", "ist", "ian", "man", "woman", "ant", "yst"];
