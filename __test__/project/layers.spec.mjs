// The direction of imports between the layers of src.

import test from 'ava'
import { cycles, importGraph, readSources, unclearImports } from '../support/rust-imports.mjs'

/** The layers, from top to bottom. `lib.rs` is the root and may import all of them. */
const LAYERS = ['lib', 'node', 'preview1', 'core', 'sys']

const layerOf = (file) => LAYERS.indexOf(file.split(/[/.]/)[0])

/** Returns the imports that point upwards, as lines. */
function upwardImports(sources) {
  const lines = []
  for (const [file, targets] of importGraph(sources)) {
    for (const target of targets) if (layerOf(target) < layerOf(file)) lines.push(`${file} imports ${target}`)
  }
  return lines
}

test('each file of src belongs to a layer', (t) => {
  const unknown = [...readSources().keys()].filter((file) => layerOf(file) === -1)
  t.deepEqual(unknown, [])
})

test('files import only from their own layer and from lower layers', (t) => {
  t.deepEqual(upwardImports(readSources()), [])
})

test('the imports of each file can be read', (t) => {
  t.deepEqual(unclearImports(readSources()), [])
})

/** Appends code to a file of src and returns the faults. */
function faultsWith(file, code) {
  const sources = readSources()
  sources.set(file, `${sources.get(file)}\n${code}\n`)
  return [...unclearImports(sources), ...upwardImports(sources)]
}

for (const [file, code] of [
  ['sys/types.rs', 'use crate::core::table::Fd;'],
  ['core/entry.rs', 'use crate::preview1::types::{Fdstat, Prestat};'],
  ['preview1/path.rs', 'use crate::node::error;'],
  ['core/fs/host.rs', 'use super::super::super::preview1::abi;'],
  ['sys/unix/file.rs', 'fn f() -> crate::core::memory::Size { 0 }'],
  ['core/fs/host.rs', 'fn f(_: super::super::super::preview1::types::Fdstat) {}'],
  ['core/random.rs', 'fn f(_: self::super::super::preview1::types::Fdstat) {}'],
  ['core/random.rs', 'mod nested { use super::super::super::preview1::types; }'],
  ['core/random.rs', 'fn f() { mod a { mod b { fn f() -> super::super::super::super::node::X {} } } }'],
  ['core/random.rs', 'use {std::io, crate::preview1::abi};'],
  ['core/random.rs', 'struct S(pub (crate::preview1::types::Fdstat, u8));'],
  ['core/random.rs', 'const A: u8 = 0 as crate::preview1::types::A;'],
  ['core/random.rs', 'fn f(a: A) { <A as super::super::preview1::abi::Ret>::store(a) }'],
  ['core/random.rs', 'm!(a::{crate::preview1::abi});'],
  ['core/random.rs', 'use crate::ExportOfLib;'],
  ['core/random.rs', 'use crate as root;'],
  ['core/random.rs', 'use crate::{self as root};'],
  ['core/random.rs', 'use crate::{core::table, preview1::types};'],
  ['core/random.rs', 'extern crate self as me;'],
  ['core/random.rs', 'use super::super as root;'],
  ['core/random.rs', 'use super::super::{self as root};'],
  ['core/random.rs', 'use crate::*;'],
  ['core/random.rs', 'use super::super::*;'],
  ['core/random.rs', 'macro_rules! m { ($l:ident) => { crate::$l::types::Fdstat } }'],
  ['core/random.rs', 'macro_rules! m { () => { $crate::preview1::types::Fdstat } }'],
  ['core/random.rs', 'macro_rules! m { ($l:ident) => { super::super::$l::types::Fdstat } }'],
  ['core/random.rs', 'macro_rules! m { ($c:tt) => { $c::preview1::types::Fdstat } } m!(crate);'],
  ['core/random.rs', 'macro_rules! m { ($($s:tt)*) => { $($s)*::preview1::types::Fdstat } } m!(super::super);'],
  ['sys/numbered.rs', 'macro_rules! m { () => { super::preview1::types::Fdstat } }'],
  ['core/random.rs', 'm! { $(use crate::preview1::{$($name),*};)* }'],
  ['core/random.rs', 'const A: &str = "//"; use crate::preview1::abi;'],
  ['core/random.rs', 'const A: &str = r#""//"#; use crate::preview1::abi;'],
  ['core/random.rs', `const A: (char, char) = ('"', '\\''); use crate::preview1::abi; const B: char = '"';`],
  ['core/random.rs', `fn f<'a>(_: &'a str) -> crate::preview1::types::Fdstat { 'a: loop {} }`],
  ['core/random.rs', 'use crate::r#preview1::abi;'],
  ['core/random.rs', 'use crate :: preview1\n::abi;'],
  ['core/random.rs', 'use crate::/* a comment */preview1::abi; // another'],
  ['core/random.rs', '/* /* */ use crate::core::fs; */'],
  ['core/random.rs', '#[path = "../preview1/abi.rs"] mod abi;'],
  ['core/random.rs', '#[cfg_attr(unix, path = r"../preview1/abi.rs")] mod abi;'],
  ['core/random.rs', 'include!("../preview1/abi.rs");'],
  ['core/random.rs', 'use std::include as i; i!("../preview1/abi.rs");'],
]) {
  test(`\`${code}\` in ${file} is reported`, (t) => t.not(faultsWith(file, code).length, 0))
}

for (const [file, code] of [
  ['core/random.rs', 'const A: &str = "crate::preview1::abi";'],
  ['core/random.rs', 'const A: &str = r##"" "# crate::preview1::abi "##;'],
  ['core/random.rs', `const A: [u8; 2] = [b'"', b'\\\\']; // crate::preview1::abi`],
  ['core/random.rs', '/* crate::preview1::abi */ // use crate::*;'],
  ['core/random.rs', '/// See [`preview1`](crate::preview1).\npub(in crate::core) struct A(pub(super) u8);'],
  ['core/random.rs', 'mod preview1 { pub fn f() {} } fn f() { self::preview1::f() }'],
  ['core/random.rs', 'mod nested { use super::*; use super::super::table::{self, Fd as Number}; }'],
  ['core/random.rs', 'macro_rules! m { () => { mod nested { use super::{A, B}; } } }'],
  ['core/random.rs', 'impl A { fn f(&self) { self.preview1(core::mem::size_of::<u8>()) } }'],
  ['core/random.rs', 'fn f() { let path = "a"; let mut path = "b"; }'],
  ['preview1/path.rs', 'use crate::core::{fs::host, table::{Fd, Table}};'],
  ['lib.rs', 'pub use preview1::types; use crate::node::error;'],
]) {
  test(`\`${code}\` in ${file} is not reported`, (t) => t.deepEqual(faultsWith(file, code), []))
}

test('at most three files import each other in a cycle', (t) => {
  const largeCycles = cycles(importGraph(readSources())).filter((cycle) => cycle.length > 3)
  t.deepEqual(largeCycles, [])
})
