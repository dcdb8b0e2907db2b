//! Compiles the C functions that the benchmarks call.

fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new()
        .file("native/call_back.c")
        .file("native/nap.c")
        .file("native/nop.c")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("sortie_cli_native");
}
