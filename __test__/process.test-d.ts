// Uses the types of capwasi/process. Checked by tsc, never run.

/// <reference lib="dom" />
import { Directory } from 'capwasi'
import type commonjs from 'capwasi/process'
import { Pool, ProcessError, run, spawn } from 'capwasi/process'
import type { ExitReason, FixedClockOptions, GuestProcess, GuestProcessEvents, PoolOptions } from 'capwasi/process'
import type { ProcessLimits, ProcessOptions, Program, Result, RunOptions, SpawnOptions } from 'capwasi/process'
import type { Duplex, Readable, Writable } from 'node:stream'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<T extends true>(): T
declare const readable: Readable
declare const writable: Writable
declare const wasmModule: WebAssembly.Module

is<Equal<typeof commonjs.run, typeof run>>()
is<Equal<typeof commonjs.Pool, typeof Pool>>()

// Programs.
export const programs: Program[] = ['a.wasm', new URL('file:///a.wasm'), new Uint8Array(8), Buffer.alloc(8), wasmModule]
// @ts-expect-error
run(undefined)

// The type of the output follows the encoding.
is<Equal<Awaited<ReturnType<typeof spawn>['result']>, Result<string>>>()
export async function results(options: RunOptions) {
  const text = await run('a.wasm')
  is<Equal<typeof text, Result<string>>>()
  const hex = await run('a.wasm', ['a'] as const, { encoding: 'hex' })
  is<Equal<typeof hex.stdout, string>>()
  const bytes = await run('a.wasm', undefined, { encoding: 'buffer' })
  is<Equal<typeof bytes.stderr, Buffer>>()
  const either = await run('a.wasm', [], options)
  is<Equal<typeof either.stdout, string | Buffer>>()
  is<Equal<typeof text.exceeded, keyof ProcessLimits | undefined>>()
  is<Equal<typeof text.trap, Error | undefined>>()
}

// Every option, present and undefined.
const common: ProcessOptions = {
  argv0: 'name',
  env: { A: '1', B: undefined },
  preopens: {
    '/': '.',
    '/a': { path: '.', readonly: true },
    '/b': new URL('file:///tmp/'),
    '/c': Directory.memory(),
    '/d': { directory: Directory.memory(), readonly: true },
    '/e': { fd: 3 },
  },
  sockets: ['127.0.0.1:0', { fd: 3 }],
  clock: { realtime: 0n, monotonic: 0n },
  random: { seed: 1n },
  timeout: 1000,
  signal: AbortSignal.timeout(1000),
  limits: { memory: 1, cpuTime: 1, threads: 1, openFiles: 1, output: 1, writtenBytes: 1n },
  trace: true,
}
const noClock: FixedClockOptions = { realtime: undefined, monotonic: undefined }
run('a.wasm', [], { ...common, clock: noClock, limits: { memory: undefined }, timeout: undefined, signal: undefined })
// @ts-expect-error
run('a.wasm', [], { timeOut: 1 })
// @ts-expect-error
run('a.wasm', [], { limits: { cpu: 1 } })
// @ts-expect-error
run('a.wasm', [], { clock: { realtime: () => 0n } })
// @ts-expect-error
run('a.wasm', [], { stdio: 'pipe' })

for (const input of ['a', new Uint8Array(), ['a'], new Set(['a']), readable, new Blob([]).stream()])
  run('a.wasm', [], { input })
run('a.wasm', [], {
  input: (async function* () {
    yield 'a'
  })(),
})
for (const stdout of ['pipe', 'inherit', 'ignore', 1, writable, new WritableStream<Uint8Array>()] as const)
  run('a.wasm', [], { stdout, stderr: stdout })
run('a.wasm', [], {
  stdout: (chunk: Buffer) => void chunk.length,
  stderr: async (chunk) => void chunk.length,
  reject: false,
})

// Errors.
run('a.wasm').catch((error: unknown) => {
  if (!(error instanceof ProcessError)) return
  is<Equal<typeof error.exitCode, number | undefined>>()
  const result: Result<string | Buffer> = error
  const code: 'ERR_WASI_EXIT' | 'ERR_WASI_TRAP' | 'ERR_WASI_TIMEOUT' | 'ERR_WASI_LIMIT' | 'ABORT_ERR' = error.code
  return [result, code]
})
// @ts-expect-error
new ProcessError()

// Guests.
const guest: GuestProcess = spawn('a.wasm', ['a'], { ...common, stdio: ['pipe', writable, 2] })
is<Equal<typeof guest.stdin, Writable | null>>()
is<Equal<typeof guest.stdout, Readable | null>>()
export const duplex: Duplex = guest.duplex()
export const wasRunning: boolean = guest.kill()
guest
  .ref()
  .unref()
  .on('spawn', () => {})
guest.on('exit', (code, reason) => {
  is<Equal<typeof code, number | null>>()
  is<Equal<typeof reason, ExitReason>>()
})
guest.once('close', (...[, reason]) => is<Equal<typeof reason, ExitReason | 'error'>>())
guest.on('error', ({ message }) => message)
is<Equal<GuestProcessEvents['spawn'], []>>()
export const stdio: SpawnOptions['stdio'][] = ['pipe', 'inherit', 'ignore', [null, undefined, 'pipe'], undefined]
// @ts-expect-error
spawn('a.wasm', [], { input: 'a' })

// Pools.
const poolOptions: PoolOptions = { threads: 2, maxQueue: 10, idleTimeout: 1000 }
export async function pools() {
  await using pool = new Pool(poolOptions)
  is<Equal<Awaited<ReturnType<typeof pool.run>>, Result<string | Buffer>>>()
  const { stdout } = await pool.run('a.wasm', [], { encoding: 'buffer' })
  is<Equal<typeof stdout, Buffer>>()
  const numbers: number[] = Object.values(pool.stats)
  await pool.close()
  return numbers
}
// @ts-expect-error
new Pool({ thread: 2 })
