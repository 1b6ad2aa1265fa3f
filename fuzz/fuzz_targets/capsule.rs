#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("capsule"),
    |data: &[u8]| hostile::targets::run("capsule", data)
);
