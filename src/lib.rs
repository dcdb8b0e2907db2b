//! Sortie.
#![deny(missing_docs)]
