// `npm run test:runtimes`: runs all specs on each supported Node version. Also runs the specs of C guests, and of
// processes, with Bun and Deno as the guests' runtime. The first run needs the network. Prints a table and exits with 1
// if a spec failed.
//
//   npm run test:runtimes -- 22 bun     only these runtimes

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { cachedPackage, node } from './cache.mjs'
import { ready, root } from './ready.mjs'

const { platform, arch } = process

// The npm package with each runtime's binary for this machine, and the path of the binary in the package.
const bun = (version) => {
  const system = { win32: 'windows' }[platform] ?? platform
  const name = `@oven/bun-${system}-${arch === 'arm64' ? 'aarch64' : arch}`
  return { name, version, file: platform === 'win32' ? 'bin/bun.exe' : 'bin/bun' }
}
const deno = (version) => {
  const name = `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`
  return { name, version, file: platform === 'win32' ? 'deno.exe' : 'deno' }
}

const guests = ['__test__/libc/**', '__test__/process/runtimes.spec.mjs']
const RUNTIMES = {
  20: { title: 'Node.js', binary: node('20') },
  22: { title: 'Node.js', binary: node('22') },
  24: { title: 'Node.js', binary: node('24') },
  26: { title: 'Node.js', binary: node('26') },
  bun: { title: 'Bun', binary: bun('1.4.5'), specs: guests, guest: [] },
  deno: { title: 'Deno', binary: deno('2.9.6'), specs: guests, guest: ['run', '--allow-all'] },
}

/**
 * Runs ava on a Node, or on this Node with another runtime for the guests. Returns the TAP output, the exit code and
 * the signal.
 */
function ava({ specs = [], guest }, binary) {
  const PATH = guest ? process.env.PATH : `${dirname(binary)}${delimiter}${process.env.PATH}`
  const env = {
    ...process.env,
    PATH,
    CAPWASI_SLOW: '1',
    ...(guest && { CAPWASI_RUNTIME: JSON.stringify([binary, ...guest]) }),
  }
  const argv = [join(root, 'node_modules/ava/entrypoints/cli.mjs'), '--tap', ...specs]
  const running = spawn(guest ? process.execPath : binary, argv, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    let tap = ''
    running.stdout.on('data', (text) => (tap += text))
    running.on('error', reject)
    running.on('close', (code, signal) => resolve({ tap, code, signal }))
  })
}

/** Returns a row of the table: counts, and the titles of failed and skipped specs. */
function row({ tap, code, signal }) {
  const count = (label) => Number(new RegExp(`^# ${label} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0)
  const titles = (pattern) => [...tap.matchAll(pattern)].map(([, title]) => title)
  const remarks = [...titles(/^not ok \d+ - (.*)$/gm), ...titles(/^ok \d+ - (.*) # SKIP$/gm)]
  if (code !== 0 && count('fail') === 0) remarks.push(`ended with ${signal ?? code}`)
  return {
    passed: count('pass'),
    failed: count('fail') + (code !== 0 && count('fail') === 0),
    skipped: count('skip'),
    remarks: remarks.join('; '),
  }
}

async function test({ title, binary: { name, version, file }, ...options }) {
  try {
    const home = cachedPackage(name, version)
    const binary = join(home, file)
    if (!existsSync(binary)) throw new Error(`${name} has no ${file}`)
    const { version: exact } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    console.log(`${title} ${exact} …`)
    return { runtime: title, version: exact, ...row(await ava(options, binary)) }
  } catch ({ message }) {
    return { runtime: title, version, passed: 0, failed: 0, skipped: 0, remarks: `not run: ${message}` }
  }
}

ready()
const wanted = process.argv.slice(2)
const table = []
for (const [name, runtime] of Object.entries(RUNTIMES)) {
  if (wanted.length === 0 || wanted.includes(name)) table.push(await test(runtime))
}
console.table(table)
process.exitCode = table.every(({ passed, failed }) => passed > 0 && failed === 0) ? 0 : 1
