//! Policies as texts, for configuration files and logs: `class=short, max_concurrent=8, fp_env=restore`.
//!
//! What a policy prints is what reads back as the same, but for what is `unsafe` to ask for: a text cannot
//! make promises about native code. Such settings are printed, and refused when read.

use super::class::Class;
use super::policy::{Callbacks, FpEnv, Hook, Misclassified, Policy, PolicyError};
use std::fmt;
use std::str::FromStr;

/// The settings that a text may have.
const KNOWN: &str = "class=short|mixed|long|keep|learned, stack=carrier, max_concurrent=N, \
                     fp_env=inherit|restore, callbacks=block, hook=always, misclassified=mend|report, deny";

/// What is promised of functions whose calls are not all announced.
const UNHOOKED: &str =
    "that a function always ends soon, never blocks, calls back, unwinds or locks";

/// Where it is said that calls may be made by another thread.
const DECLARED: &str = "that calls may be made by another thread is for the author of a declaration to say: write \
                        `Policy::offload` in the #[policy] of a pinvoke! function, or call native::offload";

/// Names and values apart by `=`, settings by `,`; blanks around them do not count. Each at most once.
///
/// | setting | see |
/// |---|---|
/// | `class=short`, `mixed`, `long`, `keep`; `class=learned`, which changes nothing | [`Policy::class`] |
/// | `stack=carrier`, which changes nothing | [`Policy::task_stack`], which a text cannot ask for |
/// | `max_concurrent=8` | [`Policy::max_concurrent`] |
/// | `fp_env=restore`; `fp_env=inherit`, which changes nothing | [`Policy::fp_env`] |
/// | `callbacks=block`, which changes nothing | [`Policy::callbacks`], whose other kinds a text cannot ask for |
/// | `hook=always`, which changes nothing | [`Policy::unhooked`] and [`Policy::sampled`], which a text cannot ask for |
/// | `misclassified=report`; `misclassified=mend`, which changes nothing | [`Policy::misclassified`] |
/// | nothing | [`Policy::offload`], which a text cannot ask for |
/// | `deny` | [`Policy::deny`] |
///
/// ```
/// use sortie::native::{Class, Policy};
///
/// let policy: Policy = "class=long, max_concurrent=8".parse()?;
/// assert_eq!(policy, Policy::new().class(Class::Long).max_concurrent(8));
///
/// let error = "klass=long".parse::<Policy>().unwrap_err();
/// assert!(error.to_string().contains("class=short|mixed|long|keep"));
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Policy, PolicyError> {
        let mut policy = Policy::new();
        let mut seen = Vec::new();
        for setting in text.split(',').map(str::trim) {
            if setting.is_empty() {
                return Err(wrong(text, format!("a setting is empty; known ones are {KNOWN}")));
            }
            let (name, value) = match setting.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (setting, None),
            };
            if seen.contains(&name) {
                return Err(wrong(setting, format!("`{name}` is given twice")));
            }
            seen.push(name);
            policy = with_setting(policy, setting, name, value)?;
        }
        policy.check()?;
        Ok(policy)
    }
}

fn with_setting(
    policy: Policy,
    setting: &str,
    name: &str,
    value: Option<&str>,
) -> Result<Policy, PolicyError> {
    let expected = |values: &str| wrong(setting, format!("expected {values}"));
    // No value has blanks in it.
    if value.is_some_and(|value| value.contains(char::is_whitespace)) {
        return Err(wrong(setting, "between two settings there is a comma".to_owned()));
    }
    match (name, value) {
        ("class", Some("learned")) => Ok(policy),
        ("class", Some("unhooked")) | ("hook", Some("never")) => {
            Err(needs_unsafe(setting, UNHOOKED, "Policy::unhooked"))
        }
        ("hook", Some(value)) if value.starts_with("sampled") => {
            Err(needs_unsafe(setting, UNHOOKED, "Policy::sampled"))
        }
        ("hook", Some("always")) => Ok(policy),
        ("hook", _) => Err(expected("hook=always")),
        ("misclassified", Some("mend")) => Ok(policy.misclassified(Misclassified::Mend)),
        ("misclassified", Some("report")) => Ok(policy.misclassified(Misclassified::Report)),
        ("misclassified", _) => Err(expected("misclassified=mend|report")),
        ("class", _) => match value.and_then(Class::named) {
            Some(Class::Unknown) | None => Err(expected("class=short|mixed|long|keep|learned")),
            Some(class) => Ok(policy.class(class)),
        },
        ("stack", Some("carrier")) => Ok(policy),
        ("stack", Some(value)) if value.starts_with("task") => Err(needs_unsafe(
            setting,
            "how much stack a function needs at most, and that it does not call back",
            "Policy::task_stack",
        )),
        ("stack", _) => Err(expected("stack=carrier")),
        ("max_concurrent", _) => match value.and_then(|value| value.parse().ok()) {
            Some(n) => Ok(policy.max_concurrent(n)),
            None => Err(expected("max_concurrent=N, a number from 1 to 4294967295")),
        },
        ("fp_env", Some("inherit")) => Ok(policy.fp_env(FpEnv::Inherit)),
        ("fp_env", Some("restore")) => Ok(policy.fp_env(FpEnv::Restore)),
        ("fp_env", _) => Err(expected("fp_env=inherit|restore")),
        ("callbacks", Some("block")) => Ok(policy),
        ("callbacks", Some("suspend" | "migrate")) => Err(needs_unsafe(
            setting,
            "that a function holds no lock and no thread-local over a callback",
            "Policy::callbacks",
        )),
        ("callbacks", _) => Err(expected("callbacks=block")),
        ("offload", _) => Err(wrong(setting, DECLARED.to_owned())),
        ("deny", None) => Ok(policy.deny()),
        ("deny", Some(_)) => Err(expected("`deny` without a value")),
        _ => Err(wrong(setting, format!("known settings are {KNOWN}"))),
    }
}

fn wrong(found: &str, why: String) -> PolicyError {
    PolicyError::Text { found: found.to_owned(), why }
}

fn needs_unsafe(found: &str, promise: &str, function: &str) -> PolicyError {
    let why = format!(
        "it is `unsafe`, as somebody has to promise {promise}, and a text cannot: \
         use `{function}` in the program"
    );
    wrong(found, why)
}

/// Prints what a text says of the policy; `class=learned` if it says nothing.
///
/// ```
/// use sortie::native::{Class, Policy};
///
/// assert_eq!(Policy::new().class(Class::Keep).to_string(), "class=keep");
/// assert_eq!(Policy::new().to_string(), "class=learned");
/// ```
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = [
            match self.hook {
                Hook::Always => None,
                Hook::Never => Some("hook=never".to_owned()),
                Hook::Sampled(n) => Some(format!("hook=sampled:{n}")),
            },
            (self.misclassified == Misclassified::Report)
                .then(|| "misclassified=report".to_owned()),
            self.class.map(|class| format!("class={class}")),
            self.task_stack.map(|bytes| format!("stack=task:{bytes}")),
            self.max_concurrent.map(|n| format!("max_concurrent={n}")),
            (self.fp_env == FpEnv::Restore).then(|| "fp_env=restore".to_owned()),
            match self.callbacks {
                Callbacks::Block => None,
                Callbacks::Suspend => Some("callbacks=suspend".to_owned()),
                Callbacks::Migrate => Some("callbacks=migrate".to_owned()),
            },
            self.offload.then(|| "offload".to_owned()),
            self.deny.then(|| "deny".to_owned()),
        ];
        let settings: Vec<_> = settings.into_iter().flatten().collect();
        if settings.is_empty() {
            return f.pad("class=learned");
        }
        f.pad(&settings.join(", "))
    }
}

impl FromStr for Class {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Class, PolicyError> {
        Class::named(text).ok_or_else(|| {
            let names: Vec<_> = Class::NAMES.iter().map(|(_, name)| *name).collect();
            wrong(text, format!("known classes are {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_text_can_say_reads_back_as_it_was() {
        let classes =
            [None, Some(Class::Short), Some(Class::Mixed), Some(Class::Long), Some(Class::Keep)];
        let mut policies = vec![Policy::new().deny()];
        for class in classes {
            for limit in [None, Some(1), Some(u32::MAX)] {
                for fp_env in [FpEnv::Inherit, FpEnv::Restore] {
                    let plain = Policy::new().fp_env(fp_env);
                    policies.push(Policy { class, max_concurrent: limit, ..plain });
                }
            }
        }
        policies.retain(|policy| policy.check().is_ok());
        assert!(policies.len() > 30);
        for policy in policies {
            assert_eq!(policy.to_string().parse(), Ok(policy), "{policy}");
        }
    }

    #[test]
    fn what_is_unsafe_is_printed_and_not_read() {
        // SAFETY: for no function.
        let unhooked = unsafe { Policy::new().unhooked() };
        // SAFETY: for no function.
        let leaf = unsafe { Policy::new().class(Class::Short).task_stack(4096) };
        // SAFETY: for no function.
        let sampled = unsafe { Policy::new().sampled(64) }.misclassified(Misclassified::Report);
        assert_eq!(unhooked.to_string(), "hook=never");
        assert_eq!(sampled.to_string(), "hook=sampled:64, misclassified=report");
        assert_eq!(leaf.to_string(), "class=short, stack=task:4096");
        let unsafe_texts =
            ["hook=never", "hook=sampled:64", "class=unhooked", "class=short, stack=task:4096"];
        for text in unsafe_texts {
            let error = text.parse::<Policy>().unwrap_err().to_string();
            assert!(error.contains("it is `unsafe`"), "{error}");
            assert!(error.contains("use `Policy::"), "{error}");
        }
        // Its printed form is no text either, though it is not `unsafe`.
        let error = Policy::new().offload(true).to_string().parse::<Policy>().unwrap_err();
        assert!(error.to_string().contains("in the #[policy] of a pinvoke! function"), "{error}");
    }

    #[test]
    fn errors_name_what_was_found_and_what_is_known() {
        for (text, parts) in [
            ("", &["``", "is empty", "class=short|mixed|long|keep", "deny"][..]),
            ("class=short,", &["`class=short,`", "is empty", "known ones"]),
            ("class=short max_concurrent=8", &["`class=short max_concurrent=8`", "comma"]),
            ("speed=high", &["`speed=high`", "class=short|mixed|long|keep", "max_concurrent=N"]),
            ("class=fast", &["`class=fast`", "class=short|mixed|long|keep"]),
            ("class", &["`class`", "class=short"]),
            ("class=unknown", &["`class=unknown`", "class=short"]),
            ("deny=yes", &["`deny=yes`", "without a value"]),
            ("max_concurrent=many", &["`max_concurrent=many`", "a number from 1"]),
            ("max_concurrent=-1", &["a number from 1"]),
            ("stack=huge", &["`stack=huge`", "stack=carrier"]),
            ("fp_env=0", &["fp_env=inherit|restore"]),
            ("hook=sometimes", &["`hook=sometimes`", "hook=always"]),
            ("misclassified=yes", &["`misclassified=yes`", "misclassified=mend|report"]),
            ("misclassified=report", &["nothing was promised", "leave out"]),
            ("class=short, class=long", &["`class=long`", "twice"]),
            ("max_concurrent=0", &["wait for ever", "deny"]),
            ("deny, max_concurrent=2", &["leave the rest out"]),
        ] {
            let error = text.parse::<Policy>().expect_err(text).to_string();
            for part in parts {
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn blanks_do_not_count() {
        let policy = " class = short ,fp_env=restore ".parse();
        assert_eq!(policy, Ok(Policy::new().class(Class::Short).fp_env(FpEnv::Restore)));
    }

    #[test]
    fn classes_have_names() {
        for (class, name) in Class::NAMES {
            assert_eq!((class.to_string().as_str(), name.parse()), (name, Ok(class)));
            assert_eq!(name, format!("{class:?}").to_lowercase());
        }
        let error = "fast".parse::<Class>().unwrap_err().to_string();
        assert!(error.contains("unknown, short, mixed, long, keep, unhooked"), "{error}");
    }
}
