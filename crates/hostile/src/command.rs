//! The command line of the tools.

use std::process::exit;

/// Ends the tool where help is asked for, or an option is given that its usage does not name: a misspelt one would
/// otherwise be half an hour of something else.
pub fn check(usage: &str) {
    let named = |option: &str| usage.split([' ', ',', '\n']).any(|word| word == option);
    for argument in std::env::args().skip(1) {
        if argument == "--help" {
            println!("{usage}");
            exit(0);
        }
        if argument.starts_with("--") && !named(&argument) {
            eprintln!("There is no option {argument}.\n{usage}");
            exit(2);
        }
    }
}

/// The value behind an option, if that was given.
#[must_use]
pub fn value(name: &str) -> Option<String> {
    let mut given = std::env::args().skip(1);
    given.find(|argument| argument == name)?;
    Some(
        given
            .next()
            .unwrap_or_else(|| panic!("{name} needs a value")),
    )
}

/// Whether an option was given.
#[must_use]
pub fn has(name: &str) -> bool {
    std::env::args().skip(1).any(|argument| argument == name)
}
