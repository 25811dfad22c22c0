//! Calls the check `decode` with whatever the fuzzer makes up.

#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target calls one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::decode(input));
