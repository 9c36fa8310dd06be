// Runs a case on one implementation and prints the result as JSON: `node run.mjs node:wasi cases/opening.mjs`.

import { hostFile, node, rawGuest, tree } from '../support/guest.mjs'

const [specifier, path] = process.argv.slice(2)
const { WASI } = await import(specifier)
const { default: run } = await import(new URL(path, import.meta.url))

const teardowns = []
const t = { teardown: (action) => teardowns.unshift(action) }

/** Returns the result of `action`, or a description of its exception. */
function outcome(action) {
  try {
    return action()
  } catch (thrown) {
    if (!(thrown instanceof Error)) return { threw: String(thrown) }
    const { name, code, errno, syscall } = thrown
    // capwasi adds details to the message, and the path, if a preopen cannot be opened.
    if (syscall !== undefined) return { threw: name, code, errno, syscall }
    // For stdin, stdout and stderr capwasi adds the other accepted types to node:wasi's message.
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
  newWasi: (options) => new WASI({ version: 'preview1', ...options }),
  newGuest: (options, more) => rawGuest(options, { WASI, ...more }),
  /** Runs a script that has `WASI` in a new process. Returns the exit code, the signal and the output. */
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
  // Some teardowns fail because node:wasi has closed descriptors of the host.
  for (const action of teardowns) outcome(action)
}
process.stdout.write(JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `${value}n` : value), 1))
