#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hardlight_fuzz::message(input));
