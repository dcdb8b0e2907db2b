//! The bar that shows how far a program is: on stderr, and hidden where that is no terminal or carries
//! logs.

use super::logging;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `total` steps. It is drawn by whoever moves it, so that is no task's business.
pub(crate) fn bar(title: &'static str, total: u64) -> ProgressBar {
    let target =
        if logging::is_on() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{msg:<24} {bar:40} {percent:>3} %  {elapsed}")
        .expect("the template is a constant")
        .progress_chars("━╸─");
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(title)
}
