// Compares index.d.ts with the types of node:wasi in @types/node. Checked by tsc, never run.

/// <reference lib="dom" />
import type * as node from 'node:wasi'
import type capwasi from 'capwasi'
import { Directory, WASI } from 'capwasi'
import type { AsyncSink, AsyncSource, ImportObjectOptions, StartAsyncOptions, StartOptions } from 'capwasi'
import type { Data, DirectoryHandle, DirectoryLimits, FileTree, FinalizeBindingsOptions, Limits } from 'capwasi'
import type { NewPreopen, Preopen, PreopenDirectory, Sink, WASIHandle, WASIOptions } from 'capwasi'
import 'capwasi/register'
import { instantiateThreaded } from 'capwasi/threads'
import type { Dirent, Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex, Readable, Writable } from 'node:stream'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<T extends true>(): T
declare const instance: object
declare const wasmModule: WebAssembly.Module

// A script for node:wasi compiles after a change of its import.
declare const nodeOptions: node.WASIOptions
const options: WASIOptions = nodeOptions
const asNode: node.WASI = new WASI(nodeOptions)
const nodeClass: typeof node.WASI = WASI
is<Equal<typeof capwasi.WASI, typeof WASI>>()

// Every option, present, absent and undefined.
new WASI()
new WASI({})
new WASI({ version: 'preview1' })
new WASI({ version: 'unstable' })
new WASI({
  version: 'preview1',
  args: ['program', 'argument'] as const,
  env: process.env,
  preopens: { '/': '.', '/absent': undefined },
  returnOnExit: false,
  stdin: 0,
  stdout: 1,
  stderr: 2,
  sockets: ['127.0.0.1:0', { fd: 3 }],
  clock: { realtime: 0n, monotonic: () => 0n },
  random: { seed: 1 },
})
new WASI({
  version: undefined,
  args: undefined,
  env: undefined,
  preopens: undefined,
  returnOnExit: undefined,
  stdin: undefined,
  stdout: undefined,
  stderr: undefined,
  sockets: undefined,
  clock: undefined,
  random: undefined,
})
declare const handle: FileHandle
new WASI({
  preopens: {
    '/path': { path: '.', readonly: true },
    '/fd': { fd: 3, readonly: undefined, path: undefined },
    '/handle': handle,
    '/url': new URL('file:///'),
    '/url/path': { path: new URL('file:///'), readonly: true },
  },
  limits: { openFiles: 10, writtenBytes: 2n ** 40n },
})
new WASI({ limits: { openFiles: undefined, writtenBytes: 1000 } })
new WASI({ limits: undefined })
is<Equal<WASIOptions['version'], 'unstable' | 'preview1' | undefined>>()
is<Equal<WASIOptions['args'], readonly string[] | undefined>>()
is<Equal<WASIOptions['env'], object | undefined>>()
is<Equal<NewPreopen, URL | Directory | PreopenDirectory>>()
is<Equal<WASIOptions['preopens'], NodeJS.Dict<string | Preopen | NewPreopen> | undefined>>()
is<Equal<WASIOptions['limits'], Limits | undefined>>()
is<Equal<WASIOptions['returnOnExit'], boolean | undefined>>()
is<
  Equal<
    WASIOptions['stdin'],
    | number
    | Data
    | Iterable<Data>
    | ((size: number) => Data | null | undefined | Promise<Data | null | undefined>)
    | AsyncSource
    | undefined
  >
>()
is<Equal<WASIOptions['stdout' | 'stderr'], number | Sink | undefined>>()
is<Equal<WASI['stdout' | 'stderr'], Buffer | undefined>>()
is<Equal<WASIOptions<'pipe', 2>['stdout'], 'pipe' | undefined>>()

// The options stdout and stderr decide whether there is captured output.
const captured = new WASI({ version: 'preview1', stdout: 'pipe', stderr: 2 })
is<Equal<typeof captured.stdout, Buffer>>()
is<Equal<typeof captured.stderr, undefined>>()
is<Equal<typeof captured, WASI<'pipe', 2>>>()
is<Equal<WASI<'ignore', 'pipe'>['stdout'], undefined>>()
is<Equal<WASI<'ignore', 'pipe'>['stderr'], Buffer>>()
const mode: 'pipe' | 'inherit' = process.stdout.isTTY ? 'inherit' : 'pipe'
const perhapsCaptured: Buffer | undefined = new WASI({ stdout: mode }).stdout
const withAnyOptions: Buffer | undefined = new WASI(options).stdout
const anyWASI: WASI[] = [captured, new WASI({ stderr: 'pipe' }), new WASI({ stdout: () => {} })]
// @ts-expect-error The output may not have been captured.
const alwaysCaptured: WASI<'pipe'> = new WASI({ stdout: mode })
// @ts-expect-error Only the option 'pipe' captures output.
new WASI({ stdout: (chunk) => chunk.length }).stdout.length
class Capturing extends WASI<'pipe', 'pipe'> {
  get text(): string {
    return this.stdout.toString()
  }
}

new WASI({ stdin: 'text', stdout: 'pipe', stderr: process.stderr })
new WASI({ stdin: ['one', new Uint8Array(2), new ArrayBuffer(3)], stdout: (chunk) => chunk.readUInt8(0) })
new WASI({ stdin: (size) => (size > 1 ? 'x' : null), stdout: 'ignore' })
new WASI({ input: 'inherit' })
new WASI({ input: ['one', new Uint8Array(2)] })
new WASI({ input: undefined, stdin: 0 })
is<Equal<WASIOptions['input'], Data | Iterable<string | Uint8Array> | undefined>>()
new WASI({ trace: true })
new WASI({ trace: (line) => line.length })
new WASI({ trace: 2 })

new WASI({ clock: {}, random: { seed: 1n }, sockets: [] as const })
new WASI({ clock: { realtime: undefined, monotonic: undefined }, random: { seed: undefined } })
is<Equal<typeof WASI.prototype.addresses, string[]>>()

// @ts-expect-error Times are bigints.
new WASI({ clock: { realtime: 0 } })
// @ts-expect-error A clock function returns a bigint.
new WASI({ clock: { monotonic: () => 0 } })
// @ts-expect-error A seed is a number or a bigint.
new WASI({ random: { seed: 'seed' } })
// @ts-expect-error A socket is an address or an object with a descriptor.
new WASI({ sockets: [8080] })
// @ts-expect-error preview2 is not a version.
new WASI({ version: 'preview2' })
// @ts-expect-error A version is a string.
new WASI({ version: 1 })
// @ts-expect-error A version is one of two literals.
new WASI({ version: 'preview1' as string })
// @ts-expect-error Arguments are strings.
new WASI({ args: [1] })
// @ts-expect-error Arguments are an array.
new WASI({ args: 'program' })
// @ts-expect-error An environment is an object.
new WASI({ env: 'A=b' })
// @ts-expect-error A host path is a string, a URL or an object.
new WASI({ preopens: { '/': 1 } })
// @ts-expect-error Data is not a number.
new WASI({ input: 0 })
// @ts-expect-error `input` is data, not a function.
new WASI({ input: () => null })
// @ts-expect-error A preopen has a path or a descriptor.
new WASI({ preopens: { '/': { readonly: true } } })
// @ts-expect-error A preopen has a path or a descriptor, not both.
new WASI({ preopens: { '/': { path: '.', fd: 3 } } })
// @ts-expect-error `readonly` is a boolean.
new WASI({ preopens: { '/': { path: '.', readonly: 1 } } })
// @ts-expect-error `files` is not a limit.
new WASI({ limits: { files: 1 } })
// @ts-expect-error `openFiles` is a number.
new WASI({ limits: { openFiles: 1n } })
// @ts-expect-error `input` cannot be a stream.
new WASI({ input: process.stdin })
// @ts-expect-error 'pipes' is not a mode.
new WASI({ stdout: 'pipes' })
// @ts-expect-error `null` is not accepted.
new WASI({ stderr: null })
// @ts-expect-error `returnOnExit` is a boolean.
new WASI({ returnOnExit: 1 })
// @ts-expect-error `trace` is a boolean, a number or a function.
new WASI({ trace: process.stderr })
// @ts-expect-error `preopen` is not an option.
new WASI({ preopen: {} })
// @ts-expect-error The constructor takes one argument.
new WASI({}, {})
// @ts-expect-error A class needs `new`.
WASI({})

// Methods.
const wasi = new WASI()
is<Equal<ReturnType<typeof wasi.start>, number>>()
is<Equal<ReturnType<typeof wasi.initialize>, void>>()
is<Equal<ReturnType<typeof wasi.finalizeBindings>, void>>()
is<Equal<ReturnType<typeof wasi.getImportObject>, Record<string, Record<string, (...args: any[]) => any>>>>()
const imports: WebAssembly.Imports = wasi.getImportObject({ suspending: false })
const importsOfNode: ReturnType<node.WASI['getImportObject']> = wasi.getImportObject()
is<Equal<ReturnType<typeof wasi.close>, void>>()
is<Equal<(typeof wasi)[typeof Symbol.dispose], () => void>>()
is<Equal<typeof wasi.wasiImport, NodeJS.Dict<any>>>()

const code: number = wasi.start(instance)
wasi.initialize(instance)
wasi.finalizeBindings(instance)
wasi.finalizeBindings(instance, {})
wasi.finalizeBindings(instance, { memory: undefined })
wasi.finalizeBindings(instance, { memory: instance } satisfies FinalizeBindingsOptions)
wasi.wasiImport.proc_exit = (exitCode: number) => exitCode
wasi.wasiImport.fd_write?.(1, 0, 0, 0)
wasi.close()
wasi[Symbol.dispose]()
is<Equal<typeof wasi.exceeded, 'openFiles' | 'output' | 'writtenBytes' | 'threads' | undefined>>()
const disposable: Disposable = wasi

// @ts-expect-error The instance is required.
wasi.start()
// @ts-expect-error An instance is an object.
wasi.start('instance')
// @ts-expect-error The instance is required.
wasi.initialize()
// @ts-expect-error A memory is an object.
wasi.finalizeBindings(instance, { memory: 5 })
// @ts-expect-error `memories` is not an option.
wasi.finalizeBindings(instance, { memories: instance })
// @ts-expect-error `close` takes no argument.
wasi.close(0)
// @ts-expect-error `wasiImport` is read-only.
wasi.wasiImport = {}
// @ts-expect-error `exceeded` is read-only.
wasi.exceeded = undefined
// @ts-expect-error `run` is not a method.
wasi.run(instance)

// Directories.
const directory = Directory.memory({ 'a.txt': 'text', b: new Uint8Array(1), c: null }, { maxBytes: 1, maxFiles: 1 })
Directory.memory()
Directory.open('.')
Directory.open(new URL('file:///'), { readonly: true })
Directory.open(handle)
Directory.open({ fd: 3 }, {})
is<Equal<typeof directory, Directory>>()
is<Equal<ReturnType<typeof Directory.join>, Directory>>()
is<Equal<ReturnType<typeof directory.share>, DirectoryHandle>>()
is<Equal<FileTree, Record<string, string | Uint8Array | null>>>()
is<Equal<keyof DirectoryLimits, 'maxBytes' | 'maxFiles'>>()
Directory.join(directory.share()).close()
for (const lower of ['.', new URL('file:///'), directory]) Directory.overlay(lower, { maxBytes: 1 }).applyTo(directory)
const changes = Directory.overlay(directory).changes()
is<Equal<(typeof changes)[number]['change'], 'added' | 'modified' | 'removed'>>()
is<Equal<(typeof changes)[number]['type'], 'file' | 'directory' | 'symlink'>>()
is<Equal<ReturnType<typeof directory.applyTo>, void>>()
new WASI({ preopens: { '/a': directory, '/b': { directory }, '/c': { directory, readonly: true } } })

is<Equal<typeof directory.kind, 'host' | 'memory' | 'overlay'>>()
is<Equal<typeof directory.usage, { bytes: number; files: number }>>()
const file: Buffer = directory.readFileSync('a')
const texts: string[] = [directory.readFileSync('a', 'utf8'), directory.readFileSync('a', { encoding: 'hex' })]
directory.writeFileSync('a', 'text')
directory.writeFileSync('a', new Uint8Array(1), { flag: 'wx', mode: 0o600 })
directory.writeFileSync('a', '6162', 'hex')
directory.writeFileSync('a', new Uint16Array(1), { encoding: undefined, flag: undefined, mode: undefined })
directory.appendFileSync('a', 'text')
directory.appendFileSync('a', 'text', { encoding: 'latin1', mode: 0o600 })
const stats: Stats[] = [directory.statSync('a'), directory.lstatSync('a')]
const names: string[] = [...directory.readdirSync(), ...directory.readdirSync('a', { recursive: true })]
const entries: Dirent[] = directory.readdirSync('a', { withFileTypes: true, recursive: true })
is<Equal<ReturnType<typeof directory.existsSync>, boolean>>()
is<Equal<ReturnType<typeof directory.mkdirSync>, void>>()
is<Equal<ReturnType<typeof directory.readlinkSync>, string>>()
is<Equal<ReturnType<typeof directory.toJSON>, Record<string, string | null>>>()
directory.mkdirSync('a', { recursive: true })
directory.rmSync('a', { recursive: true, force: true })
directory.cpSync('a', 'b', { recursive: true })
directory.truncateSync('a')
directory.utimesSync('a', 1, new Date())
const disposableDirectory: Disposable = directory

// @ts-expect-error The constructor is private.
new Directory()
// @ts-expect-error A path is not a number.
Directory.open(3)
// @ts-expect-error `readOnly` is not an option.
Directory.open('.', { readOnly: true })
// @ts-expect-error The lower directory is not a descriptor.
Directory.overlay({ fd: 3 })
// @ts-expect-error The target is a Directory.
directory.applyTo('.')
// @ts-expect-error Contents are not numbers.
Directory.memory({ a: 1 })
// @ts-expect-error `maxbytes` is not a limit.
Directory.memory({}, { maxbytes: 1 })
// @ts-expect-error A handle is an object.
Directory.join('handle')
// @ts-expect-error 'r+' is not a flag.
directory.writeFileSync('a', '', { flag: 'r+' })
// @ts-expect-error `bigint` is not an option.
directory.statSync('a', { bigint: true })
// @ts-expect-error `usage` is read-only.
directory.usage = { bytes: 0, files: 0 }
// @ts-expect-error A preopen has a directory or a path, not both.
new WASI({ preopens: { '/': { directory, path: '.' } } })
// @ts-expect-error A preopen's directory is a Directory.
new WASI({ preopens: { '/': { directory: '.' } } })

// Subclasses.
class Sandbox extends WASI {
  constructor(readonly name: string) {
    super({ version: 'preview1' })
  }

  override finalizeBindings(bound: object, settings?: FinalizeBindingsOptions): void {
    super.finalizeBindings(bound, settings)
  }
}
const sandbox: WASI = new Sandbox('name')

// Threads.
const guest: WASIHandle = sandbox.share()
const joined: WASI = WASI.join(guest)
const threaded: Promise<WebAssembly.Instance> = instantiateThreaded(wasmModule, joined, { threads: 4 })
// @ts-expect-error: an unknown option
instantiateThreaded(wasmModule, joined, { thread: 4 })
// @ts-expect-error: a handle of a directory
WASI.join({ capwasiDirectory: '' })

export {
  Capturing,
  alwaysCaptured,
  anyWASI,
  asNode,
  changes,
  code,
  disposable,
  disposableDirectory,
  entries,
  file,
  names,
  stats,
  texts,
  imports,
  importsOfNode,
  nodeClass,
  options,
  perhapsCaptured,
  sandbox,
  threaded,
  withAnyOptions,
}

// Guests that wait without blocking the thread.
declare const duplex: Duplex
declare const webSource: ReadableStream<Uint8Array>
declare const webSink: WritableStream<Uint8Array>
declare const readable: Readable
declare const writable: Writable
declare const iterable: AsyncIterable<string>
const sources: AsyncSource[] = [duplex, readable, webSource, iterable, async (size) => 'x'.repeat(size)]
const sinks: AsyncSink[] = [duplex, writable, webSink, async (chunk) => void chunk.length]
for (const stdin of sources) for (const stdout of sinks) new WASI({ stdin, stdout, stderr: stdout })
const waiting = new WASI({ stdin: async () => null, stdout: async () => {} })
is<Equal<ReturnType<WASI['start']>, number>>()
is<Equal<ReturnType<WASI['startAsync']>, Promise<number>>>()
is<Equal<ReturnType<WASI['initializeAsync']>, Promise<void>>>()
waiting.start(instance, { timeout: 5 })
waiting.startAsync(instance, { timeout: undefined, signal: new AbortController().signal })
waiting.initializeAsync(instance)
WebAssembly.instantiate(new WebAssembly.Module(new Uint8Array()), waiting.getImportObject({ suspending: true }))
is<Equal<keyof StartOptions, 'timeout'>>()
is<Equal<keyof StartAsyncOptions, 'timeout' | 'signal'>>()
is<Equal<keyof ImportObjectOptions, 'suspending'>>()
// @ts-expect-error: only startAsync() can be aborted
waiting.start(instance, { signal: new AbortController().signal })
