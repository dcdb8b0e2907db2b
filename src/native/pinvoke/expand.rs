//! The code that [`pinvoke!`](crate::pinvoke) becomes.
//!
//! Works on the normal form that `pinvoke!` passes on, in these steps:
//!
//! 1. `@blocks` writes the module of statics, the functions, `load` and `targets`, and calls 2 for each function.
//! 2. `@attributes` sorts a function's attributes into conditions, symbol, policy and the rest, then calls 3.
//! 3. `@static`, `@entry`, `@function` write the function's static, its place in a list, and the function itself.
//!
//! Must not name anything of the user's but what the user wrote: all paths go through `$crate` or `::core`, and
//! locals are hygienic. `$library` is `["name"]` or `[]`, `$symbol` too; `$policy` is `[expression]` or `[]`.

/// The expansion of [`pinvoke!`](crate::pinvoke); not for users.
#[doc(hidden)]
#[macro_export]
macro_rules! __pinvoke {
    (@blocks $( $library:tt { $( $function:tt )* } )*) => {
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, unused_imports, clippy::module_inception)]
        mod targets {
            // For the names in policies. What is declared here goes first.
            use super::*;
            $( $( $crate::__pinvoke! { @sort static $library $function } )* )*
        }

        $( $( $crate::__pinvoke! { @sort function $library $function } )* )*

        /// Resolves all functions of this `pinvoke!`, in order; returns the first error.
        #[allow(dead_code, unreachable_pub, clippy::redundant_pub_crate)]
        pub(crate) fn load() -> ::core::result::Result<(), $crate::native::NativeError> {
            $crate::native::pinvoke::load(&[
                $( $( $crate::__pinvoke! { @sort entry $library $function }, )* )*
            ])
        }

        /// What the runtime knows the functions of this `pinvoke!` by, in the order of declaration.
        #[allow(dead_code, unreachable_pub, clippy::redundant_pub_crate)]
        pub(crate) fn targets() -> &'static [&'static $crate::native::Target] {
            static LIST: $crate::native::pinvoke::TargetList =
                $crate::native::pinvoke::TargetList::new();
            LIST.get_or_init(|| $crate::native::pinvoke::collect(&[
                $( $( $crate::__pinvoke! { @sort entry $library $function }, )* )*
            ]))
        }
    };

    (@sort $what:ident $library:tt { [$($attributes:tt)*] $($rest:tt)* }) => {
        $crate::__pinvoke! { @attributes { $what $library { $($rest)* } } [] [] [] [] $($attributes)* }
    };

    // Four lines of documentation at a time: each step costs one level of the compiler's recursion limit.
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt [$($others:tt)*]
        #[doc = $one:expr] #[doc = $two:expr] #[doc = $three:expr] #[doc = $four:expr] $($rest:tt)*
    ) => {
        $crate::__pinvoke! { @attributes $then $conditions $symbol $policy
            [$($others)* #[doc = $one] #[doc = $two] #[doc = $three] #[doc = $four]] $($rest)* }
    };
    (@attributes $then:tt [$($conditions:tt)*] $symbol:tt $policy:tt $others:tt
        #[cfg($($condition:tt)*)] $($rest:tt)*
    ) => {
        $crate::__pinvoke! { @attributes $then [$($conditions)* { $($condition)* }] $symbol $policy $others $($rest)* }
    };
    (@attributes $then:tt $conditions:tt [] $policy:tt $others:tt #[symbol = $symbol:literal] $($rest:tt)*) => {
        $crate::__pinvoke! { @attributes $then $conditions [$symbol] $policy $others $($rest)* }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt $others:tt #[symbol $($any:tt)*] $($rest:tt)*) => {
        ::core::compile_error! { "pinvoke!: expected one `#[symbol = \"name\"]` for each function" }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt [] $others:tt #[policy = $policy:expr] $($rest:tt)*) => {
        $crate::__pinvoke! { @attributes $then $conditions $symbol [$policy] $others $($rest)* }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt $others:tt #[policy $($any:tt)*] $($rest:tt)*) => {
        ::core::compile_error! { "pinvoke!: expected one `#[policy = expression]` for each function" }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt $others:tt #[link_name $($any:tt)*] $($rest:tt)*) => {
        ::core::compile_error! { "pinvoke!: write `#[symbol = \"name\"]` instead of `#[link_name]`" }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt $others:tt #[library $($any:tt)*] $($rest:tt)*) => {
        ::core::compile_error! { "pinvoke!: `#[library]` belongs before the `unsafe extern \"C\"` block" }
    };
    (@attributes $then:tt $conditions:tt $symbol:tt $policy:tt [$($others:tt)*] #[$($other:tt)*] $($rest:tt)*) => {
        $crate::__pinvoke! { @attributes $then $conditions $symbol $policy [$($others)* #[$($other)*]] $($rest)* }
    };
    (@attributes { $what:ident $library:tt { $($rest:tt)* } } $conditions:tt $symbol:tt $policy:tt $others:tt) => {
        $crate::__pinvoke! { @$what $library $conditions $symbol $policy $others $($rest)* }
    };

    (@static $library:tt [$({ $($condition:tt)* })*] $symbol:tt $policy:tt $others:tt
        $visibility:tt $safety:tt $name:ident $($rest:tt)*
    ) => {
        $(#[cfg($($condition)*)])*
        pub(super) static $name: $crate::native::pinvoke::Symbol = {
            // Outside of the `unsafe` below: what it promises is the user's to say.
            const POLICY: ::core::option::Option<$crate::native::Policy> =
                $crate::__pinvoke! { @policy $policy };
            // SAFETY: by the `unsafe` before `extern` the author of the block promises that its library may be loaded.
            unsafe {
                $crate::native::pinvoke::Symbol::new(
                    $crate::__pinvoke! { @symbol $symbol $name },
                    $crate::__pinvoke! { @origin $library $symbol $name },
                    POLICY,
                )
            }
        };
    };

    (@policy []) => { ::core::option::Option::None };
    (@policy [$policy:expr]) => { ::core::option::Option::Some($policy) };

    (@symbol [] $name:ident) => { ::core::stringify!($name) };
    (@symbol [$symbol:literal] $name:ident) => { $symbol };

    (@origin [$library:literal] $symbol:tt $name:ident) => {
        $crate::native::pinvoke::Origin::Library($library)
    };
    (@origin [] [] $name:ident) => {
        $crate::native::pinvoke::Origin::Linked(|| {
            // Declared for its address only, so the type does not matter.
            #[allow(clashing_extern_declarations)]
            unsafe extern "C" {
                fn $name();
            }
            $name as *const ()
        })
    };
    (@origin [] [$symbol:literal] $name:ident) => {
        $crate::native::pinvoke::Origin::Linked(|| {
            #[allow(clashing_extern_declarations)]
            unsafe extern "C" {
                #[link_name = $symbol]
                fn linked();
            }
            linked as *const ()
        })
    };

    (@entry $library:tt [$({ $($condition:tt)* })*] $symbol:tt $policy:tt $others:tt
        $visibility:tt $safety:tt $name:ident $($rest:tt)*
    ) => {{
        #[cfg(all($($($condition)*),*))]
        {
            ::core::option::Option::Some(&targets::$name)
        }
        #[cfg(not(all($($($condition)*),*)))]
        {
            ::core::option::Option::None
        }
    }};

    (@function $library:tt $conditions:tt $symbol:tt $policy:tt $others:tt
        $visibility:tt $safety:tt $name:ident $arguments:tt [variadic] $return:tt
    ) => {
        ::core::compile_error! { ::core::concat!(
            "pinvoke!: `", ::core::stringify!($name), "` is variadic, and such calls have no one type: ",
            "declare a C function with fixed arguments that wraps it, or call it in `sortie::native::call_here`"
        ) }
    };
    (@function $library:tt $conditions:tt $symbol:tt $policy:tt $others:tt
        $visibility:tt [safe unsafe] $name:ident $($rest:tt)*
    ) => {
        ::core::compile_error! { ::core::concat!(
            "pinvoke!: `", ::core::stringify!($name), "` is either `safe` or `unsafe`"
        ) }
    };
    (@function $library:tt $conditions:tt $symbol:tt $policy:tt $others:tt
        $visibility:tt [safe] $name:ident $arguments:tt [] $return:tt
    ) => {
        $crate::__pinvoke! { @write $library $conditions $symbol $policy $others $visibility [] $name $arguments $return }
    };
    (@function $library:tt $conditions:tt $symbol:tt $policy:tt $others:tt
        $visibility:tt [$(unsafe)?] $name:ident $arguments:tt [] $return:tt
    ) => {
        $crate::__pinvoke! { @write $library $conditions $symbol $policy $others $visibility [unsafe] $name $arguments $return }
    };

    (@write $library:tt [$({ $($condition:tt)* })*] $symbol:tt $policy:tt [$($others:tt)*]
        ($visibility:vis fn) [$($unsafe:tt)?] $name:ident ($($argument:ident: $type:ty),*) [$(-> $return:ty)?]
    ) => {
        $(#[cfg($($condition)*)])*
        $($others)*
        #[doc = ""]
        #[doc = $crate::__pinvoke! { @note $library $symbol $name }]
        #[track_caller]
        #[allow(
            non_snake_case,
            clippy::missing_safety_doc,
            clippy::not_unsafe_ptr_arg_deref,
            clippy::too_many_arguments
        )]
        $visibility $($unsafe)? fn $name($($argument: $type),*) $(-> $return)? {
            // Never called: it has the compiler check the types as those of a foreign function.
            #[allow(dead_code, clashing_extern_declarations)]
            unsafe extern "C" {
                fn declared($($argument: $type),*) $(-> $return)?;
            }
            let address = targets::$name.address();
            // SAFETY: a function's address, not null, of which the author of the block has declared this type.
            let function = unsafe {
                ::core::mem::transmute::<
                    *const (),
                    unsafe extern "C" fn($($type),*) $(-> $return)?,
                >(address)
            };
            // SAFETY: what the closure takes along are arguments of C; whether they may go to another thread
            // the author of the block says by the function's policy.
            unsafe { $crate::native::pinvoke::call(targets::$name.target(), move || {
                // SAFETY: the author of the block has declared the function safe for all arguments, or it is unsafe to
                // call and the caller keeps its contract. Its library is never unloaded.
                function($($argument),*)
            }) }
        }
    };

    (@note [$library:literal] $symbol:tt $name:ident) => {
        ::core::concat!(
            "Foreign function `", $crate::__pinvoke! { @symbol $symbol $name }, "` of the library `", $library, "`."
        )
    };
    (@note [] $symbol:tt $name:ident) => {
        ::core::concat!("Foreign function `", $crate::__pinvoke! { @symbol $symbol $name }, "`, linked in.")
    };
}
