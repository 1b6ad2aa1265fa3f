#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("lex_segment"),
    |data: &[u8]| hostile::targets::run("lex_segment", data)
);
