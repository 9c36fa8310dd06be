//! The Node-API side: everything that touches JavaScript. The class is napi-rs'; the functions of
//! `wasiImport`, which a guest calls millions of times, are bare Node-API callbacks.
#![allow(unsafe_code, reason = "Node-API is a C interface; each block says why it keeps to its rules")]

mod class;
mod context;
mod embedder;
mod error;
mod frame;
mod imports;
mod memory;
mod options;
mod termination;
mod trace;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

/// An export without a use. Its conversion runs [`termination::Registration`] before napi-rs defines the class.
#[napi]
pub const REGISTRATION: termination::Registration = termination::Registration;

/// Called when the addon is loaded into an environment.
#[napi(module_exports)]
pub fn init(exports: Object<'_>, env: Env) -> Result<()> {
    termination::scope(&env, || context::Context::install(env, &exports))
}
