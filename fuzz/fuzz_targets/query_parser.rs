#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("query_parser"),
    |data: &[u8]| hostile::targets::run("query_parser", data)
);
