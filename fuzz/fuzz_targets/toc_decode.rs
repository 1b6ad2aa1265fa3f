#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("toc_decode"),
    |data: &[u8]| hostile::targets::run("toc_decode", data)
);
