#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("operations"),
    |data: &[u8]| hostile::targets::run("operations", data)
);
