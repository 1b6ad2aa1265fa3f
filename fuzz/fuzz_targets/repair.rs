#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("repair"),
    |data: &[u8]| hostile::targets::run("repair", data)
);
