//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of_target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if of_target("OS") == "linux" && of_target("ENV") == "gnu" {
        // Its tables hold some sixty thousand addresses that are put right when it starts. Listed one by one they take 24
        // bytes each, in the file and in memory; packed, hardly any. Asks for glibc 2.36; a linker that cannot do it warns.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
