//! The binding: everything that touches JavaScript. napi-rs creates the class. The functions of `wasiImport`, which a
//! guest may call millions of times, are plain Node-API callbacks.
//!
//! | file | contents |
//! |---|---|
//! | `value.rs`, `reference.rs` | JavaScript values, and references to them: the only wrappers |
//! | `termination.rs` | passes the termination of a worker or of `node:vm` through native code |
//! | `helpers.rs`, `permission_model.rs` | functions of lib/ and of Node that native code calls |
//! | `arguments.rs`, `memory.rs` | the buffer for the arguments of a call; the view of a guest's memory |
//! | `wakeups.rs` | wake-ups of a thread by others |
//! | `mailbox.rs` | output on its way to another thread of the guest |
//! | `threads.rs`, `runs.rs` | threads that the guest starts; runs that end together |
//! | `version.rs`, `world.rs` | the version of WASI; the part of a guest that its threads share |
//! | `bindings.rs` | shared memories, by which threads join a guest |
//! | `suspended.rs`, `timeout.rs` | waits that block no thread: a suspended call, a timeout |
//! | `sandbox.rs`, `env_state.rs` | a guest with its memory and callbacks; the sandboxes of an environment |
//! | `error.rs`, `exit.rs` | errors like those of Node; the end of a guest |
//! | `callback.rs` | a native function: arguments, state, panic and exception barrier |
//! | `dispatch.rs`, `wait.rs`, `host_calls.rs` | one step of a call; the wait and the callbacks between two steps |
//! | `perform.rs`, `imports.rs` | a whole call; the import table as functions for JavaScript |
//! | `suspend.rs` | native functions that suspend a guest and continue it |
//! | `methods.rs`, `spawning.rs`, `processes.rs`, `trace.rs` | native functions for the modules of lib |
//! | `options.rs`, `options/` | the options of `new WASI()` |
//! | `directory.rs` | native functions behind the class `Directory` |
//! | `class.rs`, `install.rs` | the class `WASI`; the exchange of functions with lib/wasi.js |
//!
//! A file imports files of earlier rows or of its own row. There are no import cycles.
#![allow(unsafe_code, reason = "Node-API is a C interface; each block says why it keeps its rules")]

mod arguments;
mod bindings;
mod callback;
mod class;
mod directory;
mod dispatch;
mod env_state;
mod error;
mod exit;
mod helpers;
mod host_calls;
mod imports;
mod install;
mod mailbox;
mod memory;
mod methods;
mod options;
mod perform;
mod permission_model;
mod processes;
mod reference;
mod runs;
mod sandbox;
mod spawning;
mod suspend;
mod suspended;
mod termination;
mod threads;
mod timeout;
mod trace;
mod value;
mod version;
mod wait;
mod wakeups;
mod world;

use napi_derive::napi;

/// An unused export. Its conversion runs [`termination::Registration`] before napi-rs defines the class.
#[napi]
pub const REGISTRATION: termination::Registration = termination::Registration;
