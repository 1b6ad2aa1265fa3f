//! Ranking quality on SciFact and LoCoMo.

use super::{data_directory, document, index};
use lex::{LexIndex, PendingIndex, Query, Ranking, SearchRequest, Searcher};
use std::collections::HashMap;

fn lines(name: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(data_directory().join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(line: &'a serde_json::Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_default()
}

/// Noon of the day that an ISO 8601 text begins with, in seconds since 1970.
fn noon(iso: &str) -> i64 {
    let mut fields = iso
        .split(['-', 'T'])
        .map(|field| field.parse::<i64>().unwrap());
    let (year, month, day) = (
        fields.next().unwrap(),
        fields.next().unwrap(),
        fields.next().unwrap(),
    );
    let before = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
    let leap = i64::from(before(year) - before(year - 1) == 366);
    let months = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let in_year = months[month as usize - 1] + i64::from(month > 2) * leap + day - 1;
    (before(year - 1) - before(1969) + in_year) * 86_400 + 43_200
}

fn top(index: &LexIndex, question: &str, ranking: Ranking) -> Vec<u64> {
    let query = Query::parse(question).unwrap();
    let request = SearchRequest {
        query: &query,
        limit: 10,
        offset: 0,
        accept: None,
        explain: false,
    };
    let pending = PendingIndex::new();
    let result = Searcher::new(index, &pending)
        .with_ranking(ranking)
        .search(&request)
        .unwrap();
    super::frames(&result)
}

pub struct Scifact {
    index: LexIndex,
    queries: Vec<(String, String, HashMap<u64, f64>)>,
}

impl Scifact {
    pub fn load() -> Self {
        let lines_of_documents = lines("scifact.docs.jsonl");
        let mut documents: Vec<_> = lines_of_documents
            .iter()
            .map(|line| lex::Document {
                title: text(line, "title"),
                ..document(text(line, "id").parse().unwrap(), text(line, "text"))
            })
            .collect();
        documents.sort_by_key(|document| document.frame_id);
        let judgements =
            std::fs::read_to_string(data_directory().join("scifact.qrels.tsv")).unwrap();
        let mut relevant: HashMap<String, HashMap<u64, f64>> = HashMap::new();
        for line in judgements.lines().skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let grade: f64 = fields[2].parse().unwrap();
            relevant
                .entry(fields[0].to_owned())
                .or_default()
                .insert(fields[1].parse().unwrap(), grade);
        }
        let queries = lines("scifact.queries.jsonl");
        let queries = queries.iter().filter_map(|line| {
            let relevant = relevant.get(text(line, "id"))?.clone();
            Some((
                text(line, "split").to_owned(),
                text(line, "text").to_owned(),
                relevant,
            ))
        });
        Self {
            index: index(&documents),
            queries: queries.collect(),
        }
    }

    /// Mean nDCG@10 of one split.
    pub fn ndcg(&self, split: &str, ranking: Ranking) -> f64 {
        let mut scores = Vec::new();
        for (_, query, relevant) in self.queries.iter().filter(|(of, ..)| of == split) {
            let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
            let hits = top(&self.index, query, ranking);
            let gain: f64 = hits
                .iter()
                .enumerate()
                .filter_map(|(rank, hit)| Some(relevant.get(hit)? * discount(rank)))
                .sum();
            let mut ideal: Vec<_> = relevant.values().copied().collect();
            ideal.sort_by(|left, right| right.total_cmp(left));
            let ideal: f64 = ideal
                .iter()
                .take(10)
                .enumerate()
                .map(|(rank, grade)| grade * discount(rank))
                .sum();
            scores.push(gain / ideal);
        }
        scores.iter().sum::<f64>() / scores.len() as f64
    }
}

pub struct Locomo {
    conversations: HashMap<String, (LexIndex, HashMap<String, u64>)>,
    questions: Vec<(String, String, Vec<String>)>,
}

impl Locomo {
    pub fn load() -> Self {
        let turns = lines("locomo-dev.docs.jsonl");
        let mut conversations: HashMap<String, Vec<&serde_json::Value>> = HashMap::new();
        for turn in &turns {
            conversations
                .entry(text(turn, "conv").to_owned())
                .or_default()
                .push(turn);
        }
        let conversations = conversations.into_iter().map(|(name, turns)| {
            let ids = (0..)
                .zip(&turns)
                .map(|(id, turn)| (text(turn, "id").to_owned(), id))
                .collect();
            let documents: Vec<_> = (0..)
                .zip(&turns)
                .map(|(id, turn)| lex::Document {
                    timestamp: noon(text(turn, "ts")),
                    ..document(id, text(turn, "text"))
                })
                .collect();
            (name, (index(&documents), ids))
        });
        let questions = lines("locomo-dev.qa.jsonl");
        let questions = questions
            .iter()
            .filter(|line| line["category"].as_u64().is_some_and(|of| of <= 4));
        let questions = questions.filter_map(|line| {
            let evidence: Vec<String> = line["evidence"]
                .as_array()?
                .iter()
                .filter_map(|id| Some(id.as_str()?.to_owned()))
                .collect();
            let question = (
                text(line, "conv").to_owned(),
                text(line, "question").to_owned(),
            );
            (!evidence.is_empty()).then_some((question.0, question.1, evidence))
        });
        Self {
            conversations: conversations.collect(),
            questions: questions.collect(),
        }
    }

    /// Mean share of the evidence in the first ten hits, and how many questions have no hit at all.
    pub fn recall(&self, ranking: Ranking) -> (f64, usize) {
        let (mut sum, mut missing) = (0.0, 0);
        for (conversation, question, evidence) in &self.questions {
            let (index, ids) = &self.conversations[conversation];
            let hits = top(index, question, ranking);
            if hits.is_empty() {
                println!("no hit: {question}");
                missing += 1;
            }
            let found = evidence
                .iter()
                .filter(|id| ids.get(*id).is_some_and(|id| hits.contains(id)))
                .count();
            sum += found as f64 / evidence.len() as f64;
        }
        (sum / self.questions.len() as f64, missing)
    }
}
