// Every export of capwasi/process. Checked by tsc, never run.

/// <reference lib="dom" />
import { Directory } from 'capwasi'
import type processes from 'capwasi/process'
import { Pool, ProcessError, run, spawn } from 'capwasi/process'
import type { ExitReason, FixedClockOptions, GuestProcess, GuestProcessEvents, PoolOptions } from 'capwasi/process'
import type { ProcessLimits, ProcessOptions, Program, Result, RunOptions, SpawnOptions } from 'capwasi/process'
import type { Duplex, Readable, Writable } from 'node:stream'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<T extends true>(): T

is<Equal<typeof processes.run, typeof run>>()
is<Equal<Program, string | URL | Uint8Array | WebAssembly.Module>>()

// Every option, present, absent and undefined.
const limits: ProcessLimits = { memory: 1, cpuTime: 1, threads: 0, openFiles: 10, output: 1, writtenBytes: 2n ** 40n }
const clock: FixedClockOptions = { realtime: 0n, monotonic: undefined }
const common: ProcessOptions = {
  argv0: 'program',
  env: process.env,
  preopens: { '/': '.', '/path': { path: '.', readonly: true }, '/memory': Directory.memory() },
  sockets: ['127.0.0.1:0', { fd: 3 }],
  clock,
  random: { seed: 1 },
  timeout: 1000,
  signal: AbortSignal.timeout(1000),
  limits,
  trace: true,
}
declare const readable: Readable
declare const writable: Writable
declare const options: RunOptions
const sources: RunOptions[] = [
  { ...common, input: 'text', stdout: 'pipe', stderr: undefined, encoding: 'latin1', reject: false },
  { input: new Uint8Array(), stdout: 1, stderr: writable },
  { input: ['text', new Uint8Array()], stdout: new WritableStream<Uint8Array>() },
  { input: readable, stdout: (chunk: Buffer) => console.log(chunk.length) },
  { input: new ReadableStream<Uint8Array>(), stdout: async (chunk) => console.log(chunk.length) },
]

// The encoding determines the type of the output.
is<Equal<Awaited<ReturnType<typeof runText>>, Result<string>>>()
const runText = () => run('program.wasm', ['argument'] as const, common)
is<Equal<Awaited<ReturnType<typeof runBytes>>['stdout'], Buffer>>()
const runBytes = () => run(new URL('file:///program.wasm'), undefined, { encoding: 'buffer' })
is<Equal<Awaited<ReturnType<typeof runAny>>['stderr'], string | Buffer>>()
const runAny = () => run(new Uint8Array(), [], options)

const stdio: SpawnOptions[] = [{ ...common, stdio: 'inherit' }, { stdio: [readable, 'pipe', 2] }, { stdio: [null] }]
const guest: GuestProcess = spawn('program.wasm', [], stdio[0])
is<Equal<GuestProcess['stdin'], Writable | null>>()
is<Equal<GuestProcess['stdout' | 'stderr'], Readable | null>>()
is<Equal<GuestProcess['result'], Promise<Result<string>>>>()
is<Equal<GuestProcessEvents['exit'], [code: number | null, reason: ExitReason]>>()
guest.on('exit', (code, reason) => {
  is<Equal<typeof code, number | null>>()
  is<Equal<typeof reason, ExitReason>>()
})
const duplex: Duplex = guest.ref().unref().duplex()
const wasRunning: boolean = guest.kill()

const poolOptions: PoolOptions = { threads: 1, maxQueue: 0, idleTimeout: undefined }
const pool = new Pool(poolOptions)
is<Equal<typeof pool.run, typeof run>>()
is<Equal<typeof pool.spawn, typeof spawn>>()
const disposable: AsyncDisposable[] = [pool, guest]
const queued: number = pool.stats.queued

declare const error: unknown
if (error instanceof ProcessError) {
  const result: Result<string | Buffer> = error
  const name: keyof ProcessLimits | undefined = error.exceeded
  console.log(error.code, result, name, sources, duplex, wasRunning, disposable, queued)
}

// @ts-expect-error only capwasi creates the error
new ProcessError()
// @ts-expect-error a misspelt option
run('program.wasm', [], { timeOut: 1 })
// @ts-expect-error a misspelt limit
run('program.wasm', [], { limits: { memoryy: 1 } })
// @ts-expect-error functions cannot be called in the thread of the guest
run('program.wasm', [], { clock: { realtime: () => 0n } })
// @ts-expect-error no streams of the result with spawn
spawn('program.wasm', [], { encoding: 'utf8' })
