// Runs one case on one implementation: `node run.mjs node:wasi cases/opening.mjs`. Prints its result as JSON.

import { hostFile, node, rawGuest, tree } from '../support/guest.mjs'

const [specifier, path] = process.argv.slice(2)
const { WASI } = await import(specifier)
const { default: run } = await import(new URL(path, import.meta.url))

const teardowns = []
const t = { teardown: (act) => teardowns.unshift(act) }

/** What `act` returns, or what it throws with all that a script can tell of it. */
function outcome(act) {
  try {
    return act()
  } catch (thrown) {
    if (!(thrown instanceof Error)) return { threw: String(thrown) }
    const { name, code, errno, syscall } = thrown
    // The message and the path of a failure to open is what capwasi adds to.
    if (syscall !== undefined) return { threw: name, code, errno, syscall }
    // After node:wasi's own words capwasi says what else it takes for stdin, stdout and stderr.
    const message = thrown.message.replace(/(?<="options\.std(in|out|err)" .*)\. It may also be .*$/s, '')
    return {
      threw: name,
      code,
      message,
      header: thrown.stack.split('\n')[0].replace(/\. It may also be .*$/, ''),
      keys: Object.keys(thrown),
    }
  }
}

const tools = {
  WASI,
  outcome,
  tree: (files) => tree(t, files),
  hostFile: (content) => hostFile(t, content),
  make: (options) => new WASI({ version: 'preview1', ...options }),
  guest: (options, more) => rawGuest(options, { WASI, ...more }),
  /** Runs a script that has `WASI` in a process of its own: how it ended and what it printed. */
  async script(source) {
    const script = `const { WASI } = require('${specifier}');${source}`
    const { code, signal, stdout } = await node(script, { flags: ['--no-warnings'] })
    return { code, signal, stdout }
  },
}

let result
try {
  result = await run(tools)
} finally {
  // node:wasi has closed descriptors of the host by now.
  for (const act of teardowns) outcome(act)
}
process.stdout.write(JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `${value}n` : value), 1))
