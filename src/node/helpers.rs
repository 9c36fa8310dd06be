//! JavaScript functions that native code calls: those of lib/wasi.js, and of modules that load at their first use.

use super::reference::StrongRef;
use super::value::Value;
use napi::{Env, Result};

macro_rules! helpers {
    ($($(#[$doc:meta])* $field:ident: $name:literal,)*) => {
        /// The helpers, under their names.
        pub(crate) struct JsHelpers {
            $($(#[$doc])* pub(crate) $field: StrongRef,)*
        }

        impl JsHelpers {
            /// Reads the helpers from the argument of `install`.
            pub(crate) fn read(env: &Env, helpers: Value<'_>) -> Result<Self> {
                Ok(Self { $($field: StrongRef::new(env, helpers.get($name)?)?,)* })
            }
        }
    };
}

helpers! {
    /// The exports of the addon. Their property `modules` loads modules of lib/.
    addon: "addon",
    /// Returns whether `new WASI()` has just created an object.
    is_new: "isNew",
    /// Adds the properties to a new WASI object.
    initialize_instance: "initializeInstance",
    /// Calls JavaScript, so that V8 carries out a pending termination.
    termination_probe: "terminationProbe",
    /// Returns a `Uint8Array` over a memory; undefined if the value is not a `WebAssembly.Memory`.
    memory_bytes: "memoryBytes",
    /// Allocates a Buffer.
    allocate: "allocate",
    /// `String(value)`
    text: "text",
    /// Returns the number of a `Directory`; undefined for any other value, and 0 if it is closed.
    directory_id: "directoryId",
    /// Continues the guests whose waits have ended.
    wake: "wake",
    /// `Object.keys`
    keys: "keys",
    /// `Object.entries`
    entries: "entries",
}

impl JsHelpers {
    /// Returns a function of a module of lib/. The first use loads the module.
    pub(crate) fn function<'env>(&self, env: &'env Env, module: &str, name: &str) -> Result<Value<'env>> {
        self.addon.get(env)?.get("modules")?.get(module)?.call(&[])?.get(name)
    }
}
