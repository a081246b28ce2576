#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dohle_fuzzing::group_metadata::run(data));
