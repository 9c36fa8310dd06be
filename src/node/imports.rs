//! The import table as native functions. The functions of lib/imports.js check the arguments and call them.

use super::callback::{Callback, RawArgs, function};
use super::env_state::EnvState;
use super::perform::{Completion, perform};
use super::value::Value;
use crate::preview1::imports::{Import, Visitor, preview1, unstable};
use napi::Result;
use std::marker::PhantomData;

/// `addFunctions(namespace, natives)`: adds the functions of a namespace to an object. The object has no prototype,
/// so that no setter of a program can receive the functions.
pub(crate) struct AddFunctions;

impl Callback for AddFunctions {
    const NAME: &'static str = "addFunctions";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let [namespace, natives, ..] = args.read()?;
        let mut functions = Functions { state, natives, result: Ok(()) };
        match namespace.convert::<String>()?.as_str() {
            "wasi_unstable" => unstable::visit(&mut functions),
            _ => preview1::visit(&mut functions),
        }
        functions.result.map(|()| None)
    }
}

struct Functions<'a> {
    state: &'a EnvState,
    natives: Value<'a>,
    result: Result<()>,
}

impl Visitor for Functions<'_> {
    fn visit<I: Import>(&mut self) {
        if self.result.is_ok() {
            let function = function::<HostFunction<I>>(self.state);
            self.result = function.and_then(|function| self.natives.set(I::NAME, function));
        }
    }
}

/// The function that a guest calls. Its arguments are in the argument buffer.
struct HostFunction<I>(PhantomData<I>);

impl<I: Import> Callback for HostFunction<I> {
    const NAME: &'static str = I::NAME;

    #[inline(always)]
    fn call<'a>(state: &'a EnvState, _: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        match perform::<I>(state)? {
            Completion::Done(errno) => state.arguments.set_errno(errno.map_or(0, |errno| errno as u32)),
            Completion::Suspend => state.arguments.set_suspended(),
        }
        Ok(None)
    }
}
