//! The import table as native functions, and the JavaScript functions around them, which check the arguments.

use super::callback::{Callback, RawArgs, function};
use super::env_state::EnvState;
use super::perform::perform;
use super::value::Value;
use crate::preview1::abi::{CoreType, Signature};
use crate::preview1::imports::{Import, Visitor, preview1, unstable};
use crate::sys::errno::Errno;
use napi::Result;
use std::marker::PhantomData;

/// `evaluate(namespace)`: returns the function of [`Source`].
pub(crate) struct Evaluate;

impl Callback for Evaluate {
    const NAME: &'static str = "evaluate";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let namespace = args.read()?[0].convert::<String>()?;
        let mut source = Source::default();
        visit(&namespace, &mut source);
        Value::of(&state.env, source.script(&namespace))?.evaluate().map(Some)
    }
}

/// The source of a function that takes tools and returns a function for [`Link`]. That one takes the native functions and
/// returns a class of import objects: `new Imports(id, state)`. The functions of an import object keep `state` alive, and
/// so the sandbox with the number `id`.
///
/// The functions are generated, so that V8 compiles the count and the types of the arguments into each. The source is a
/// script, because programs can forbid `new Function`.
#[derive(Default)]
struct Source {
    /// Names of the functions, with a comma after each.
    names: String,
    /// Statements of the constructor.
    body: String,
}

impl Visitor for Source {
    fn visit<I: Import>(&mut self) {
        self.add(I::NAME, &I::SIGNATURE);
    }
}

impl Source {
    /// Adds a function.
    ///
    /// After the check that the memory is still there, only native code is called: an engine may run other JavaScript at
    /// a function's entry (a debugger does). The native function returns undefined, or an object while a worker is being
    /// terminated (`termination.rs`). An exception ends the run if there is one. It is stored without a call, because a
    /// guest could leave no stack for one. With `bytes` empty, each later call of the run begins with `refreshMemory`,
    /// which throws the exception again.
    fn add(&mut self, name: &str, signature: &Signature) {
        let params = signature.params();
        let (mut parameters, mut check, mut write) = (String::new(), String::new(), String::new());
        for (at, param) in (1..).zip(params) {
            let argument = format!("a{at}");
            let (is_valid, word) = match param {
                CoreType::I32 => ("isI32", format!("ints[{}]", 2 * at)),
                CoreType::I64 => ("isI64", format!("longs[{at}]")),
            };
            parameters.extend([&argument, ","]);
            check.extend(["&&", is_valid, "(", &argument, ")"]);
            write.extend([&word, "=", &argument, ";"]);
        }
        let statement = format!(
            "this.{name}={{'bound {name}'({parameters}){{
if(!(arguments.length==={len}{check})){{self.check();return {EINVAL}}}
if(self.bytes[0]===undefined)self.refreshMemory();
{write}ints[0]=id;
try{{const end={name}();return end===undefined?ints[0]:end}}
catch(thrown){{self.bytes=EMPTY;throw self.run===undefined?thrown:(self.run.end??={{thrown}}).thrown}}
}}}}['bound {name}'];
",
            len = params.len(),
            EINVAL = Errno::Inval as u32,
        );
        self.names.extend([name, ","]);
        self.body += &statement;
    }

    /// Returns the script.
    ///
    /// WebAssembly passes an i32 as a signed number. JavaScript may pass an unsigned one, but neither -0 nor a fraction. An
    /// i64 is a bigint of any size: its value modulo 2^64 is written.
    ///
    /// V8 compiles a function in parentheses at once, and would parse others twice. Like node:wasi's, import objects are
    /// instances of a class `WASI`; the class that they show is another, which makes nothing.
    fn script(&self, namespace: &str) -> String {
        let Self { names, body } = self;
        format!(
            "'use strict';(function(ints,longs,is,EMPTY){{
const isI32=(value)=>typeof value==='number'&&((value|0)===value||value>>>0===value)&&!is(value,-0);
const isI64=(value)=>typeof value==='bigint';
return(function({names}){{
const Imports=(function WASI(id,self){{
{body}}});
Imports.prototype.constructor=class WASI{{}};
return Imports}})}})
//# sourceURL=capwasi:{namespace}"
        )
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
        visit(&namespace.convert::<String>()?, &mut functions);
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
fn visit(namespace: &str, visitor: &mut impl Visitor) {
    match namespace {
        "wasi_unstable" => unstable::visit(visitor),
        _ => preview1::visit(visitor),
    }
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
