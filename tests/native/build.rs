//! Compiles the C and C++ files beside it, with all warnings as errors.

fn main() {
    let sources = [
        "block.c",
        "callback.c",
        "closure.c",
        "errno.c",
        "event_loop.c",
        "gate.c",
        "jump.c",
        "signal.c",
        "stack.c",
    ];
    for source in sources {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed=natives.h");
    cc::Build::new()
        .files(sources)
        .std("c11")
        .flag("-D_GNU_SOURCE")
        .flag("-pthread")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("sortie_natives");
    println!("cargo::rerun-if-changed=throw.cpp");
    cc::Build::new()
        .cpp(true)
        .file("throw.cpp")
        .std("c++17")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("sortie_natives_cpp");
    println!("cargo::rustc-link-lib=pthread");
}
