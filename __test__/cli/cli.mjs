// Runs the command `capwasi` in a new process.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import wabt from 'wabt'
import { TIMEOUT_MS, root, tree } from '../support/guest.mjs'

const cli = join(root, 'cli.cjs')
const { parseWat } = await wabt()

/** Returns the path of a committed guest. */
export const guest = (name) => join(root, '__test__/guests', `${name}.wasm`)

/** Writes a temporary file with these bytes, or with the module of a WAT text. Returns its path. */
export function file(t, content, name = 'guest.wasm') {
  const path = join(tree(t), name)
  if (typeof content === 'string' && name.endsWith('.wasm')) {
    const module = parseWat(name, content, { threads: true })
    content = module.toBinary({}).buffer
    module.destroy()
  }
  writeFileSync(path, content)
  return path
}

/**
 * Starts the command. Returns its ChildProcess with `finished` added, a promise of { code, signal, stdout, stderr }.
 * `flags` are options of Node. `through` is a command line to put before the command.
 */
export function launch(args, { flags = [], through = [], stdin, ...options } = {}) {
  const [command, ...rest] = [...through, process.execPath, ...flags, cli, ...args]
  const child = spawn(command, rest, { timeout: TIMEOUT_MS, cwd: root, ...options })
  const gather = async (stream) => Buffer.concat(await stream.toArray()).toString()
  const closed = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  child.finished = Promise.all([closed, gather(child.stdout), gather(child.stderr)]).then(
    ([ended, stdout, stderr]) => ({ ...ended, stdout, stderr }),
  )
  child.stdin.on('error', () => {}) // The command may end before it has read all of its stdin.
  if (stdin !== undefined) child.stdin.end(stdin)
  return child
}

/** Runs the command. Returns `{ code, stdout, stderr }`. */
export const run = async (args, options) => {
  const { code, stdout, stderr } = await launch(args, { stdin: '', ...options }).finished
  return { code, stdout, stderr }
}

/** Checks that the command succeeds, with this output and an empty stderr. */
export async function prints(t, args, expected, options) {
  t.deepEqual(await run(args, options), { code: 0, stdout: expected, stderr: '' })
}
