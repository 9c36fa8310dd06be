//! The import table as native functions. lib/imports.js wraps each in a JavaScript function that checks the arguments.

use super::callback::{Callback, RawArgs, function};
use super::env_state::EnvState;
use super::perform::perform;
use super::value::Value;
use crate::preview1::abi::{CoreType, Signature};
use crate::preview1::imports::{Import, Visitor, preview1, unstable};
use napi::Result;
use std::marker::PhantomData;

/// `signatures(namespace)`: the names of the functions and the types of their arguments, `name types;` each. An `i` is an
/// i32, an `I` an i64.
pub(crate) struct Signatures;

impl Callback for Signatures {
    const NAME: &'static str = "signatures";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let mut signatures = SignatureText(String::with_capacity(1024));
        visit(args.read()?[0], &mut signatures)?;
        Value::of(&state.env, signatures.0).map(Some)
    }
}

struct SignatureText(String);

impl Visitor for SignatureText {
    fn visit<I: Import>(&mut self) {
        self.add(I::NAME, &I::SIGNATURE);
    }
}

impl SignatureText {
    fn add(&mut self, name: &str, signature: &Signature) {
        self.0 += name;
        self.0.push(' ');
        self.0.extend(signature.params().iter().map(|param| match param {
            CoreType::I32 => 'i',
            CoreType::I64 => 'I',
        }));
        self.0.push(';');
    }
}

/// `evaluate(source)`: runs a script.
pub(crate) struct Evaluate;

impl Callback for Evaluate {
    const NAME: &'static str = "evaluate";

    fn call<'a>(_: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        args.read()?[0].evaluate().map(Some)
    }
}

/// `link(namespace, take)`: calls `take` with the functions of a namespace, and returns its result. An array or an object
/// could run into a setter on a prototype, which would receive the functions.
pub(crate) struct Link;

impl Callback for Link {
    const NAME: &'static str = "link";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let [namespace, take, ..] = args.read()?;
        let mut functions = Functions { state, made: Ok(Vec::with_capacity(46)) };
        visit(namespace, &mut functions)?;
        take.call(&functions.made?).map(Some)
    }
}

struct Functions<'a> {
    state: &'a EnvState,
    made: Result<Vec<Value<'a>>>,
}

impl Visitor for Functions<'_> {
    fn visit<I: Import>(&mut self) {
        let Ok(made) = &mut self.made else { return };
        match function::<HostFunction<I>>(self.state) {
            Ok(function) => made.push(function),
            Err(error) => self.made = Err(error),
        }
    }
}

/// Visits the functions of a namespace.
fn visit(namespace: Value<'_>, visitor: &mut impl Visitor) -> Result<()> {
    match namespace.convert::<String>()?.as_str() {
        "wasi_unstable" => unstable::visit(visitor),
        _ => preview1::visit(visitor),
    }
    Ok(())
}

/// The function that a guest calls. Its arguments are in the argument buffer.
struct HostFunction<I>(PhantomData<I>);

impl<I: Import> Callback for HostFunction<I> {
    const NAME: &'static str = I::NAME;

    #[inline(always)]
    fn call<'a>(state: &'a EnvState, _: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let errno = perform::<I>(state)?;
        state.arguments.set_errno(errno.map_or(0, |errno| errno as u32));
        Ok(None)
    }
}
