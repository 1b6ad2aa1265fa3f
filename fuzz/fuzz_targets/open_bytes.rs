#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("open_bytes"),
    |data: &[u8]| hostile::targets::run("open_bytes", data)
);
