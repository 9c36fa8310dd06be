// Calls of WASI functions with errnos by name. A text or a Buffer among the arguments becomes a pointer and a length.

import { readdirSync } from 'node:fs'
import { errnoName, rawGuest, tree } from './guest.mjs'

/** Stands for a bad pointer in the arguments of `expectOverflow`. */
export const BAD_POINTER = Symbol('a bad pointer')

/** The values of the option `version`. */
export const VERSIONS = ['preview1', 'unstable']

const isData = (arg) => typeof arg === 'string' || Buffer.isBuffer(arg)
const toWasmArgs = (guest, args) => args.flatMap((arg) => (isData(arg) ? guest.put(arg) : [arg]))

/** Calls a function of a guest and returns the name of the errno. Frees the guest's scratch memory first. */
export function errnoOf(guest, name, ...args) {
  guest.reset()
  return errnoName(guest.call[name](...toWasmArgs(guest, args)))
}

const show = (args) => args.map((arg) => (String(arg).length > 40 ? `${String(arg).slice(0, 40)}…` : arg)).join(', ')

/** Calls each row of [errno, function, ...arguments] in order on the same guest, and checks the errno. */
export function expectErrnos(t, guest, rows) {
  for (const [errno, name, ...args] of rows) t.is(errnoOf(guest, name, ...args), errno, `${name}(${show(args)})`)
}

/**
 * Checks that each row of [function, ...arguments] fails with OVERFLOW and writes nothing, for several bad pointers in
 * place of `BAD_POINTER`.
 */
export function expectOverflow(t, guest, rows) {
  const end = guest.memory.buffer.byteLength
  for (const [name, ...args] of rows) {
    for (const bad of [end, end + 4096, 0x7fff_ffff, 0x8000_0000 | 0, -1]) {
      guest.reset()
      const replaced = args.map((arg) => (arg === BAD_POINTER ? bad : arg))
      const wasmArgs = toWasmArgs(guest, replaced)
      const before = Buffer.from(guest.bytes)
      t.is(errnoName(guest.call[name](...wasmArgs)), 'OVERFLOW', `${name}(${show(wasmArgs)})`)
      t.true(before.equals(guest.bytes), `${name}(${show(wasmArgs)}) writes nothing`)
    }
  }
}

/** Creates a guest with these files in descriptor 3. Returns the guest, the directory and a function that lists it. */
export function guestWithFiles(t, files = {}, { version = 'preview1', ...options } = {}) {
  const directory = tree(t, files)
  const guest = rawGuest({ version, preopens: { '/': directory }, ...options })
  return { guest, directory, names: () => readdirSync(directory, { recursive: true }).sort() }
}
