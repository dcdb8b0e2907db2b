//! Text for a signal handler: one line in a fixed buffer, written in one piece.
//!
//! Must not: allocate, lock, or fail. What does not fit is cut off; control characters, which a
//! task's name may hold, become question marks, so that the message stays one line.

use std::fmt;

const CAPACITY: usize = 1024;

/// A line of text that is built without memory from the heap.
///
/// `write!` to it never returns an error.
pub(crate) struct Message {
    bytes: [u8; CAPACITY],
    len: usize,
    limit: usize,
}

impl Message {
    /// An empty line.
    pub(crate) fn new() -> Self {
        // The last byte is for the end of the line.
        Self { bytes: [0; CAPACITY], len: 0, limit: CAPACITY - 1 }
    }

    /// Lets `write` fill all but the last `kept` bytes; tells whether it wrote anything.
    pub(super) fn keeping(&mut self, kept: usize, write: impl FnOnce(&mut Self)) -> bool {
        let (before, limit) = (self.len, self.limit);
        self.limit = limit.saturating_sub(kept).max(before);
        write(self);
        self.limit = limit;
        self.len != before
    }

    /// The text so far.
    pub(crate) fn text(&self) -> &str {
        // Whole characters only, see `write_str`.
        str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }

    /// Ends the line and writes it to `descriptor`, with one call unless a signal came between.
    pub(super) fn write_line(mut self, descriptor: libc::c_int) {
        self.bytes[self.len] = b'\n';
        let line = &self.bytes[..=self.len];
        loop {
            // SAFETY: the kernel reads a buffer of ours of just that length.
            let written = unsafe { libc::write(descriptor, line.as_ptr().cast(), line.len()) };
            let interrupted = written < 0
                && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            if !interrupted {
                // If it cannot be written there is nobody left to tell.
                return;
            }
        }
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(self.limit - self.len);
        for &byte in &text.as_bytes()[..fits] {
            self.bytes[self.len] = if byte.is_ascii_control() { b'?' } else { byte };
            self.len += 1;
        }
        if fits < text.len() {
            // Nothing after the cut: the rest of a longer text would read as if it belonged there.
            self.limit = self.len;
        }
        Ok(())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&self.text()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn long_text_is_cut_at_a_character_and_the_rest_dropped() {
        let mut message = Message::new();
        write!(message, "x{}", "ü".repeat(CAPACITY)).unwrap();
        write!(message, "more").unwrap();
        assert_eq!(message.text(), format!("x{}", "ü".repeat((CAPACITY - 2) / 2)));
    }

    #[test]
    fn a_kept_end_is_there_after_a_long_middle() {
        let mut message = Message::new();
        assert!(message.keeping(5, |it| write!(it, "{}", "m".repeat(CAPACITY * 2)).unwrap()));
        assert!(!message.keeping(5, |_| {}));
        write!(message, " end.").unwrap();
        assert_eq!(message.text().len(), CAPACITY - 1);
        assert!(message.text().ends_with("mmm end."));
    }

    #[test]
    fn a_name_cannot_break_the_line() {
        let mut message = Message::new();
        write!(message, "a\n\x1b[1mb\u{7f}").unwrap();
        assert_eq!(message.text(), "a??[1mb?");
    }
}
