//! Functions of lib/wasi.js that native code calls.

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
    /// Creates an error like those of Node's JavaScript.
    node_error: "nodeError",
    /// Creates the error that another thread has thrown, from its name, message and stack.
    thread_error: "threadError",
    /// Describes a value like Node's messages.
    describe: "describe",
    /// `util.inspect`
    inspect: "inspect",
    /// Returns the index of the known name that a name nearly equals; undefined if there is none.
    nearest_name: "nearestName",
    /// Returns whether a value is a Map, a Set or a Date.
    is_collection: "isCollection",
    /// `String(value)`
    text: "text",
    /// Returns the path of a `URL`; undefined for any other value. The second argument names the option.
    url_path: "urlPath",
    /// Returns the number of a `Directory`; undefined for any other value, and 0 if it is closed.
    directory_id: "directoryId",
    /// Makes an error like those of node:fs.
    fs_error: "fsError",
    /// Continues the guests whose waits have ended.
    wake: "wake",
    /// `Object.keys`
    keys: "keys",
    /// `Object.entries`
    entries: "entries",
    /// Converts an option for stdin, stdout or stderr.
    stdio: "stdio",
}
