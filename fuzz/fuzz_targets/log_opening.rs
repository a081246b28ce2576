#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dohle_fuzzing::log_opening::run(data));
