#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dohle_fuzzing::responses_of_fetch::run(data));
