//! The command `sortie`.
fn main() {}
