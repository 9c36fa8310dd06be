// `npm test`: all checks, fast ones first. Unlike a plain `npx ava`, also runs the specs that are marked as slow, and
// those of guests that wait, on a Node that can suspend them, with the examples of the documentation.

import { delimiter, dirname, join } from 'node:path'
import { cachedPackage, node } from './cache.mjs'
import { ready, root, run } from './ready.mjs'

/** Returns the binary of a Node with JSPI; undefined if it cannot be installed, for example without the network. */
function suspendingNode() {
  const { name, version, file } = node('24')
  try {
    return join(cachedPackage(name, version), file)
  } catch ({ message }) {
    console.log(`Skipped the specs in __test__/waiting, and examples that wait: ${message}`)
    return undefined
  }
}

ready()
run('npm', 'run', '--silent', 'lint')
run('npx', 'tsc', '--project', '.')
run('cargo', 'test', '--quiet', '--no-default-features')
process.env.CAPWASI_SLOW = '1'
run('npx', 'ava')
if (WebAssembly.Suspending === undefined) {
  const binary = suspendingNode()
  if (binary !== undefined) {
    process.env.PATH = `${dirname(binary)}${delimiter}${process.env.PATH}`
    const ava = join(root, 'node_modules/ava/entrypoints/cli.mjs')
    run(binary, ava, '__test__/waiting/**', '__test__/project/docs.spec.mjs')
    // The guests in C, suspended while they wait: the same results.
    process.env.CAPWASI_SUSPENDING = '1'
    run(binary, ava, '__test__/libc/**')
  }
}
