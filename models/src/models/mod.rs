//! The models, one protocol a file.

mod parking;
