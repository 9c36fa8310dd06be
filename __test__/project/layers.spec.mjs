// The direction of imports between the layers of src.

import test from 'ava'
import { circles, importGraph, readSources } from '../support/rust-imports.mjs'

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

for (const [file, line] of [
  ['sys/types.rs', 'use crate::core::table::Fd;'],
  ['core/entry.rs', 'use crate::preview1::types::{Fdstat, Prestat};'],
  ['preview1/path.rs', 'use crate::node::error;'],
  ['core/fs/host.rs', 'use super::super::super::preview1::abi;'],
  ['sys/unix/file.rs', 'fn f() -> crate::core::memory::Size { 0 }'],
]) {
  test(`\`${line}\` in ${file} is reported`, (t) => {
    const sources = readSources()
    sources.set(file, `${sources.get(file)}\n${line}\n`)
    t.is(upwardImports(sources).length, 1)
  })
}

test('at most three files import each other in a cycle', (t) => {
  const largeCycles = circles(importGraph(readSources())).filter((circle) => circle.length > 3)
  t.deepEqual(largeCycles, [])
})
