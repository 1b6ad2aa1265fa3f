//! The command line of the tools.

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
