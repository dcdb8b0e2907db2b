//! The search rule against made-up caches, directories and libraries. Libraries are built by the C compiler that the
//! Rust toolchain links with, into a directory that is removed afterwards.

use super::cache::tests::{OURS, build as build_cache};
use super::*;

/// A directory of this test alone, removed when dropped.
pub(in crate::native) struct Scratch {
    pub(in crate::native) path: PathBuf,
}

impl Scratch {
    pub(in crate::native) fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("sortie-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        // The loader and the kernel report real paths.
        Scratch { path: path.canonicalize().unwrap() }
    }

    pub(in crate::native) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Compiles `source` to the shared object `file`.
    pub(in crate::native) fn compile(&self, file: &str, source: &str, options: &[&str]) -> PathBuf {
        sortie_natives::compile(&self.path.join(file), source, options)
    }

    /// Nothing but this directory: no cache, no system directories.
    fn places(&self) -> Places {
        Places { cache: self.path.join("no-cache"), directories: vec![self.path.clone()] }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

const SCRIPT: &str = "/* GNU ld script */\nGROUP ( /lib/libsomething.so.1 )\n";

/// The libraries that these tests open have no initialisers, or are already part of each Rust program.
fn search(name: &str, places: &Places) -> Result<Handle, NativeError> {
    // SAFETY: see above.
    unsafe { open_in(name, places) }
}

fn tried(error: &NativeError) -> &[Tried] {
    match error {
        NativeError::LibraryNotFound { tried, .. } => tried,
        other => panic!("{other}"),
    }
}

fn path_of(handle: Handle) -> PathBuf {
    object_path(handle).1.expect("not the program itself")
}

#[test]
fn versions_compare_as_numbers() {
    assert_eq!(version_of("libz.so", "z"), Some(vec![]));
    assert_eq!(version_of("libz.so.1.2.13", "z"), Some(vec![1, 2, 13]));
    assert!(version_of("libz.so.10", "z") > version_of("libz.so.9", "z"));
    assert!(version_of("libz.so.1.2", "z") > version_of("libz.so.1", "z"));
    for other in
        ["libz3.so.4", "libz.a", "libz.so1", "libz.so.", "libz.so.1a", "z.so.1", "libzz.so.1"]
    {
        assert_eq!(version_of(other, "z"), None, "{other}");
    }
}

#[test]
fn only_paths_and_file_names_are_given_to_the_loader_as_they_are() {
    for name in ["./foo", "/lib/foo", "libfoo.so", "libfoo.so.1", "foo.so"] {
        assert!(is_file_name(name), "{name}");
    }
    for name in ["m", "foo.something", "foo-1.2", "so"] {
        assert!(!is_file_name(name), "{name}");
    }
}

#[test]
fn what_the_process_has_is_taken_before_any_file() {
    // The C library is found although there is neither cache nor directory.
    let scratch = Scratch::new("process");
    let path = path_of(search("c", &scratch.places()).unwrap());
    assert_eq!(path.file_name().unwrap(), "libc.so.6");
}

#[test]
fn a_loaded_object_is_known_by_its_soname_too() {
    let scratch = Scratch::new("soname");
    let file = scratch.compile("odd-name.bin", "", &["-Wl,-soname,libsortie_soname.so.7"]);
    assert!(search("sortie_soname", &scratch.places()).is_err());
    let _loaded = search(file.to_str().unwrap(), &scratch.places()).unwrap();
    assert_eq!(path_of(search("sortie_soname", &scratch.places()).unwrap()), file);
}

#[test]
fn of_several_loaded_versions_the_newest_is_taken() {
    let scratch = Scratch::new("loaded");
    let open = |file: &str| {
        let path = scratch.compile(file, "", &[]);
        search(path.to_str().unwrap(), &scratch.places()).unwrap()
    };
    let _loaded = ["libsortie_many.so", "libsortie_many.so.10", "libsortie_many.so.9"].map(open);
    let path = path_of(search("sortie_many", &scratch.places()).unwrap());
    assert_eq!(path.file_name().unwrap(), "libsortie_many.so.10");
}

#[test]
fn the_cache_gives_the_newest_version_whose_file_is_there() {
    let scratch = Scratch::new("cache");
    let text = scratch.write("text", SCRIPT);
    let real = Cache::read(Path::new("/etc/ld.so.cache")).unwrap();
    let libm = real.entries.iter().find(|entry| entry.soname == "libm.so.6").unwrap();
    let cache = build_cache(&[
        (OURS, "libm.so.5", libm.path.to_str().unwrap()),
        (OURS, "libm.so.6", libm.path.to_str().unwrap()),
        (OURS, "libm.so.7", text.to_str().unwrap()),
        (OURS, "libm.so.10", "/no/such/file"),
        (OURS ^ 0x0f00, "libm.so.11", libm.path.to_str().unwrap()),
    ]);
    let file = scratch.write("cache", cache);
    let mut search = Search { name: "m", tried: Vec::new() };
    // SAFETY: the mathematical library of the system.
    let handle = unsafe { search.by_the_cache(&file, &Cache::read(&file)) }.unwrap();
    assert_eq!(path_of(handle).file_name().unwrap(), "libm.so.6");
    let reasons: Vec<_> = search.tried.iter().map(ToString::to_string).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].starts_with("/no/such/file: No such file"), "{reasons:?}");
    assert!(reasons[1].contains("linker script"), "{reasons:?}");
}

#[test]
fn a_newer_version_that_fails_to_load_is_not_replaced_by_an_older_one() {
    let scratch = Scratch::new("newer");
    let file = scratch.compile("libsortie_newer.so.2", "", &[]);
    let libc = path_of(search("c", &scratch.places()).unwrap());
    let cache = build_cache(&[
        // Would open, but must not be tried.
        (OURS, "libsortie_newer.so.1", libc.to_str().unwrap()),
        // The file is fine; the loader does not find it by this name.
        (OURS, "libsortie_newer.so.2", file.to_str().unwrap()),
    ]);
    let cache = scratch.write("cache", cache);
    let mut search = Search { name: "sortie_newer", tried: Vec::new() };
    // SAFETY: nothing can be loaded.
    let handle = unsafe { search.by_the_cache(&cache, &Cache::read(&cache)) };
    assert!(handle.is_none());
    assert_eq!(search.tried.len(), 1);
    assert_eq!(search.tried[0].what, "libsortie_newer.so.2");
}

#[test]
fn a_linker_script_is_skipped_and_the_list_says_so() {
    let scratch = Scratch::new("script");
    scratch.write("libsortie_fake.so", SCRIPT);
    let error = search("sortie_fake", &scratch.places()).unwrap_err();
    let last = tried(&error).last().unwrap();
    assert_eq!(last.what, scratch.path.join("libsortie_fake.so").to_str().unwrap());
    assert!(last.why.contains("skipped: it is a linker script"), "{last}");
}

#[test]
fn the_search_goes_on_behind_a_linker_script() {
    let scratch = Scratch::new("behind");
    scratch.write("first/libsortie_behind.so", SCRIPT);
    std::fs::create_dir(scratch.path.join("second")).unwrap();
    let real = scratch.compile("second/libsortie_behind.so", "", &[]);
    let places = Places {
        cache: scratch.path.join("no-cache"),
        directories: vec![scratch.path.join("first"), scratch.path.join("second")],
    };
    assert_eq!(path_of(search("sortie_behind", &places).unwrap()), real);
}

#[test]
fn the_directories_of_the_cache_are_searched_for_the_bare_file() {
    let scratch = Scratch::new("bare");
    let real = scratch.compile("libsortie_bare.so", "", &[]);
    let cache = build_cache(&[(
        OURS,
        "libother.so.1",
        scratch.path.join("libother.so.1").to_str().unwrap(),
    )]);
    let places = Places { cache: scratch.write("cache", cache), directories: Vec::new() };
    assert_eq!(path_of(search("sortie_bare", &places).unwrap()), real);
}

#[test]
fn the_systems_own_linker_scripts_are_passed_over() {
    // Where development files are installed `libm.so` is a script; the library is found all the same.
    let handle = search("m", &Places::of_this_system()).unwrap();
    assert_eq!(path_of(handle).file_name().unwrap(), "libm.so.6");
}

#[test]
fn a_missing_library_lists_all_steps_in_order() {
    let scratch = Scratch::new("missing");
    let error = search("sortie_missing", &scratch.places()).unwrap_err();
    let what: Vec<_> = tried(&error).iter().map(|tried| tried.what.as_str()).collect();
    let cache = scratch.path.join("no-cache");
    let expected =
        ["the objects loaded in this process", cache.to_str().unwrap(), "libsortie_missing.so"];
    assert_eq!(what, expected);
    assert!(tried(&error)[1].why.contains("cannot be read"));
    assert!(tried(&error)[2].why.contains("No such file"));
}

#[test]
fn a_broken_cache_is_named_and_the_search_goes_on() {
    let scratch = Scratch::new("broken");
    let real = scratch.compile("libsortie_broken.so", "", &[]);
    let mut places = scratch.places();
    places.cache = scratch.write("cache", "rubbish");
    assert_eq!(path_of(search("sortie_broken", &places).unwrap()), real);
    let error = search("sortie_nothing", &places).unwrap_err();
    assert!(tried(&error)[1].why.contains("run ldconfig"), "{error}");
}

#[test]
fn a_path_is_used_as_given_and_its_failure_explained() {
    let scratch = Scratch::new("given");
    let script = scratch.write("libsortie_given.so", SCRIPT);
    let error = search(script.to_str().unwrap(), &scratch.places()).unwrap_err();
    assert_eq!(tried(&error).len(), 1);
    assert!(tried(&error)[0].why.contains("linker script"), "{error}");
    assert!(error.to_string().contains("used as given"), "{error}");
}

#[test]
fn a_symbol_that_cannot_be_bound_is_an_error_at_the_opening() {
    let scratch = Scratch::new("unbound");
    let file = scratch.compile(
        "libsortie_unbound.so",
        "int nowhere(void); int f(void) { return nowhere(); }",
        &[],
    );
    let error = search(file.to_str().unwrap(), &scratch.places()).unwrap_err();
    assert!(error.to_string().contains("undefined symbol: nowhere"), "{error}");
}

#[test]
fn impossible_names_are_refused_before_the_loader_sees_them() {
    for name in ["", "a\0b"] {
        let error = search(name, &Places::of_this_system()).unwrap_err();
        assert!(matches!(error, NativeError::BadName { .. }), "{error}");
    }
}
