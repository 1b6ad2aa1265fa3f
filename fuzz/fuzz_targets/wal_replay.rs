#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hostile::targets::prepare("wal_replay"),
    |data: &[u8]| hostile::targets::run("wal_replay", data)
);
