//! Mutants of the monitor's alarm.

use super::Mutant;

const ALARM: &str = "timer/alarm.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "alarm_set_without_fence",
        file: ALARM,
        from: "self.0.store(word(until, is_lax), Ordering::Relaxed);
        // ORDERING(timer.alarm): SeqCst, as above.
        fence(Ordering::SeqCst);",
        to: "self.0.store(word(until, is_lax), Ordering::Relaxed);",
    },
    Mutant {
        name: "alarm_asked_without_fence",
        file: ALARM,
        from: "// in `set`.
        fence(Ordering::SeqCst);",
        to: "",
    },
    Mutant {
        name: "alarm_lies_to_who_asks",
        file: ALARM,
        from: "self.0.load(Ordering::Relaxed) > word(tick, true)",
        to: "self.0.load(Ordering::Relaxed) < word(tick, true)",
    },
    Mutant {
        name: "alarm_watch_without_fence",
        file: ALARM,
        from: "// behind which the monitor looks before it sets the alarm again.
        fence(Ordering::SeqCst);",
        to: "",
    },
    Mutant {
        name: "alarm_awake_is_a_watch",
        file: ALARM,
        from: "until != AWAKE && until & LAX == 0 && until <= word(tick, false)",
        to: "until & LAX == 0 && until <= word(tick, false)",
    },
    Mutant {
        name: "alarm_late_is_a_watch",
        file: ALARM,
        from: "until != AWAKE && until & LAX == 0 && until <= word(tick, false)",
        to: "until != AWAKE && until & LAX == 0",
    },
];
