// Runs committed guests, each in a child process (child.cjs).

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TIMEOUT_MS, tree } from '../support/host.mjs'

const child = fileURLToPath(new URL('child.cjs', import.meta.url))

/** The command that runs the guest: this Node, or CAPWASI_RUNTIME as JSON, such as `["deno", "run", "--allow-all"]`. */
export const runtime = JSON.parse(process.env.CAPWASI_RUNTIME ?? JSON.stringify([process.execPath]))

/** A command before the child's, which gives it kernel pipes as stdin and stdout. Node itself makes sockets. */
export const throughPipes = ['sh', '-c', 'cat | "$@" | cat', 'sh']

/** A command before the child's, which makes all of its stdio one terminal. */
export const throughTerminal = ['python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])']

/**
 * Starts a guest. Returns its ChildProcess with `finished` added, a promise of
 * { code, signal, stdout, stderr, returned, error, exit }. `returned` is the result of start(), `error` its exception,
 * and `exit` the code of the process's 'exit' event. `usedStreams` names streams of process that the host uses first.
 */
export function launch(guest, args = [], settings = {}) {
  const {
    preopens,
    backend = 'host',
    env,
    options,
    usedStreams = [],
    through = [],
    stdio = ['pipe', 'pipe', 'pipe'],
  } = settings
  const directory = mkdtempSync(join(tmpdir(), 'capwasi-'))
  const report = join(directory, 'report')
  writeFileSync(report, '{}')
  const job = {
    guest,
    usedStreams,
    backend,
    report,
    options: { version: 'preview1', args: [guest, ...args], env, preopens, ...options },
  }
  const [file, ...rest] = [...through, ...runtime, child, JSON.stringify(job)]
  const [stdin, stdout, stderr, ...more] = stdio
  const running = spawn(file, rest, { stdio: [stdin, stdout, stderr, ...more], timeout: TIMEOUT_MS })
  const readText = (stream) =>
    new Promise((resolve) => {
      if (!stream) return resolve(undefined)
      const chunks = []
      stream.on('data', (chunk) => chunks.push(chunk))
      stream.on('close', () => resolve(Buffer.concat(chunks).toString()))
    })
  // A guest may end before it has read all of its stdin.
  running.stdin?.on('error', () => {})
  running.finished = (async () => {
    const closed = new Promise((resolve, reject) => {
      running.on('error', reject)
      running.on('close', (code, signal) => resolve({ code, signal }))
    })
    const texts = [settings.readStdout?.(running.stdout) ?? readText(running.stdout), readText(running.stderr)]
    try {
      const [ended, stdoutText, stderrText] = await Promise.all([closed, ...texts])
      return { ...ended, stdout: stdoutText, stderr: stderrText, ...JSON.parse(readFileSync(report, 'utf8')) }
    } finally {
      rmSync(directory, { recursive: true })
    }
  })()
  return running
}

let freeSlots = 3
const waiting = []

/** Runs a guest with `stdin` as its input. At most three guests run at once. */
export async function run(guest, args, { stdin = '', ...settings } = {}) {
  if (freeSlots > 0) freeSlots--
  else await new Promise((resolve) => waiting.push(resolve))
  try {
    const running = launch(guest, args, settings)
    running.stdin?.end(stdin)
    return await running.finished
  } finally {
    if (waiting.length) waiting.shift()()
    else freeSlots++
  }
}

/**
 * Runs a guest's scenario in an empty directory, on the backend of the spec, and checks its output. Returns the
 * directory.
 */
export async function prints(t, guest, scenario, expected, { setup, ...settings } = {}) {
  const preopens = settings.preopens ?? { '/': tree(t) }
  setup?.(Object.values(preopens)[0])
  const { backend } = t.context
  const result = await run(guest, [scenario].flat(), { backend, ...settings, preopens })
  const { code, signal, error, stdout, stderr } = result
  t.deepEqual({ code, signal, error, stderr }, { code: 0, signal: null, error: undefined, stderr: '' })
  t.deepEqual(stdout.trimEnd().split('\n'), expected.trim().split('\n'))
  return Object.values(preopens)[0]
}
