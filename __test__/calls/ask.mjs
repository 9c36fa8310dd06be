// How the specs of calls ask: by function and arguments, a text standing for a pointer and a length.

import { readdirSync } from 'node:fs'
import { errnoName, rawGuest, tree } from '../support/guest.mjs'

/** Stands for a bad pointer in the arguments of `overflows`. */
export const BAD = Symbol('a bad pointer')

/** Both dialects, as the option `version` has them. */
export const VERSIONS = ['preview1', 'unstable']

const core = (guest, args) => args.flatMap((arg) => (typeof arg === 'string' ? guest.put(arg) : [arg]))

/** Calls a function of a guest: the name of the errno. What was allocated before is forgotten. */
export function ask(guest, name, ...args) {
  guest.reset()
  return errnoName(guest.call[name](...core(guest, args)))
}

const show = (args) => args.map((arg) => (String(arg).length > 40 ? `${String(arg).slice(0, 40)}…` : arg)).join(', ')

/** Checks rows of [errno, function, ...arguments], one after the other on the same guest. */
export function answers(t, guest, rows) {
  for (const [errno, name, ...args] of rows) t.is(ask(guest, name, ...args), errno, `${name}(${show(args)})`)
}

/** Checks that each row of [function, ...arguments] is OVERFLOW with a `BAD` among them a bad pointer, and writes nothing. */
export function overflows(t, guest, rows) {
  const end = guest.memory.buffer.byteLength
  for (const [name, ...args] of rows) {
    for (const bad of [end, end + 4096, 0x7fff_ffff, 0x8000_0000 | 0, -1]) {
      guest.reset()
      const passed = core(
        guest,
        args.map((arg) => (arg === BAD ? bad : arg)),
      )
      const before = Buffer.from(guest.bytes)
      t.is(errnoName(guest.call[name](...passed)), 'OVERFLOW', `${name}(${show(passed)})`)
      t.true(before.equals(guest.bytes), `${name}(${show(passed)}) writes nothing`)
    }
  }
}

/** A guest with files of its own in descriptor 3, and the directory. */
export function boxed(t, files = {}, { version = 'preview1', ...options } = {}) {
  const directory = tree(t, files)
  const guest = rawGuest({ version, preopens: { '/': directory }, ...options })
  return { guest, directory, names: () => readdirSync(directory, { recursive: true }).sort() }
}
