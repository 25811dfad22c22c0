//! How the program is linked.

#[expect(clippy::disallowed_methods, reason = "a build script is told by the environment what it builds for")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV"].map(|name| std::env::var(name).unwrap_or_default());
    if target == ["linux", "gnu"] {
        // Its tables hold some sixty thousand addresses that are put right when it starts. Listed one by one they take 24
        // bytes each, in the file and in memory; packed, hardly any. Asks for glibc 2.36; a linker that cannot do it warns.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
