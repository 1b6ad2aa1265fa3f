//! Which pages a document says it has, and which of them are there.

use std::collections::HashSet;

use hayro_syntax::Pdf;
use hayro_syntax::object::dict::keys::{COUNT, KIDS, PAGES, TYPE};
use hayro_syntax::object::{Array, Dict, MaybeRef, Name};

/// Pages that are missing and told one by one.
const MOST_TOLD: usize = 1000;

/// The numbers of the pages that can be read.
pub struct Numbering {
    /// Of each page that is there, from 1.
    pub numbers: Vec<usize>,
    /// Pages of the document, with those that are missing.
    pub count: usize,
    /// Of pages whose object is nowhere.
    pub missing: Vec<usize>,
    /// What else is wrong with the list of pages, in words.
    pub fault: Option<String>,
}

/// Walks the tree of pages like the library does, which leaves out what is missing without a word.
pub fn numbering(pdf: &Pdf) -> Numbering {
    let found = pdf.pages().len();
    let in_order = |fault: Option<String>| Numbering {
        numbers: (1..=found).collect(),
        count: found,
        missing: Vec::new(),
        fault,
    };
    let lost = || {
        in_order(Some(format!(
            "the list of pages is damaged: {found} pages were found, in an order that may be wrong"
        )))
    };
    let xref = pdf.xref();
    let catalog = xref.get::<Dict<'_>>(xref.root_id());
    let Some(root) = catalog.and_then(|catalog| catalog.get::<Dict<'_>>(PAGES)) else {
        return lost();
    };
    let Some(slots) = slots(pdf, &root) else {
        return lost();
    };
    let present = slots.iter().filter(|is_there| **is_there).count();
    if present != found {
        return lost();
    }
    let promised = root.get::<u32>(COUNT).map_or(0, |count| count as usize);
    let fault = (promised > slots.len())
        .then(|| format!("the document says that it has {promised} pages, and {found} were found"));
    let absent = slots.len() - present;
    if absent > MOST_TOLD {
        return in_order(Some(format!("{absent} pages cannot be found")));
    }
    let numbered = |wanted: bool| {
        let numbers = slots.iter().zip(1..);
        numbers.filter_map(move |(is_there, number)| (*is_there == wanted).then_some(number))
    };
    Numbering {
        numbers: numbered(true).collect(),
        count: slots.len(),
        missing: numbered(false).collect(),
        fault,
    }
}

/// For each place of a page whether there is one; `None` for a tree without branches.
fn slots(pdf: &Pdf, root: &Dict<'_>) -> Option<Vec<bool>> {
    let mut visited: HashSet<_> = root.obj_id().into_iter().collect();
    let mut stack = vec![root.get::<Array<'_>>(KIDS)?.raw_iter()];
    let mut slots = Vec::new();
    while let Some(kids) = stack.last_mut() {
        let Some(kid) = kids.next() else {
            stack.pop();
            continue;
        };
        let dict = match kid {
            MaybeRef::Ref(id) if !visited.insert(id.into()) => continue,
            MaybeRef::Ref(id) => pdf.xref().get::<Dict<'_>>(id.into()),
            MaybeRef::NotRef(object) => object.into_dict(),
        };
        let is_branch = |dict: &Dict<'_>| dict.get::<Name<'_>>(TYPE).as_deref() == Some(PAGES);
        match dict {
            Some(dict) if is_branch(&dict) => match dict.get::<Array<'_>>(KIDS) {
                Some(kids) => stack.push(kids.raw_iter()),
                None if dict.get::<u32>(COUNT) == Some(0) => {}
                None => slots.push(false),
            },
            leaf => slots.push(leaf.is_some()),
        }
    }
    Some(slots)
}
