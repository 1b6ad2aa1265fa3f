#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("vec_segment"),
    |data: &[u8]| hostile::targets::run("vec_segment", data)
);
