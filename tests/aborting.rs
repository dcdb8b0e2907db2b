//! A panic where no task is to blame ends the process with one message, and loses no worker in silence.

use sortie_test::child;
use std::os::unix::process::ExitStatusExt;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// A subscriber that panics in the loop of a carrier, which traces that it becomes idle.
struct Clumsy;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Clumsy {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        assert!(
            event.metadata().target() != "sortie::carrier" || level != tracing::Level::TRACE,
            "a clumsy subscriber"
        );
    }
}

#[test]
fn a_subscriber_that_panics_in_the_loop() {
    let Some(output) = child::run("a_subscriber_that_panics_in_the_loop", "clumsy") else {
        let subscriber = tracing_subscriber::registry().with(Clumsy);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        let _ = runtime.spawn(|| ()).join();
        // Its one carrier has nothing more to do, and says so: the end of this process. The limit is
        // for the case that it is not.
        std::thread::park_timeout(std::time::Duration::from_secs(30));
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("a clumsy subscriber"), "{stderr}");
    let ours = stderr.lines().filter(|line| line.starts_with("sortie: ")).count();
    assert_eq!(ours, 1, "{stderr}");
}
