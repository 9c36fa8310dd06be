// Holds index.d.ts against the names and shapes of @types/node's `wasi`. Checked by tsc, never run.

import type * as node from 'node:wasi'
import capwasi, { WASI } from 'capwasi'
import type { FinalizeBindingsOptions, WASIOptions } from 'capwasi'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<T extends true>(): T
declare const instance: object

// A script that was written for node:wasi changes its import and nothing else.
declare const nodeOptions: node.WASIOptions
const options: WASIOptions = nodeOptions
const asNode: node.WASI = new WASI(nodeOptions)
const constructor: typeof node.WASI = WASI
is<Equal<typeof capwasi.WASI, typeof WASI>>()

// Every option, and each of them absent or undefined.
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
is<Equal<WASIOptions['version'], 'unstable' | 'preview1' | undefined>>()
is<Equal<WASIOptions['args'], readonly string[] | undefined>>()
is<Equal<WASIOptions['env'], object | undefined>>()
is<Equal<WASIOptions['preopens'], NodeJS.Dict<string> | undefined>>()
is<Equal<WASIOptions['returnOnExit'], boolean | undefined>>()
is<Equal<WASIOptions['stdin' | 'stdout' | 'stderr'], number | undefined>>()

new WASI({ clock: {}, random: { seed: 1n }, sockets: [] as const })
new WASI({ clock: { realtime: undefined, monotonic: undefined }, random: { seed: undefined } })
is<Equal<typeof WASI.prototype.addresses, string[]>>()

// @ts-expect-error Times are bigints.
new WASI({ clock: { realtime: 0 } })
// @ts-expect-error Times that are told are bigints.
new WASI({ clock: { monotonic: () => 0 } })
// @ts-expect-error A seed is a number.
new WASI({ random: { seed: 'seed' } })
// @ts-expect-error A socket is an address or has a descriptor.
new WASI({ sockets: [8080] })
// @ts-expect-error There is no preview2.
new WASI({ version: 'preview2' })
// @ts-expect-error A version is no number.
new WASI({ version: 1 })
// @ts-expect-error Any string may not be a version.
new WASI({ version: 'preview1' as string })
// @ts-expect-error Arguments are strings.
new WASI({ args: [1] })
// @ts-expect-error Arguments are an array.
new WASI({ args: 'program' })
// @ts-expect-error An environment is an object.
new WASI({ env: 'A=b' })
// @ts-expect-error The host's path is a string.
new WASI({ preopens: { '/': 1 } })
// @ts-expect-error The host's path is no URL.
new WASI({ preopens: { '/': new URL('file:///') } })
// @ts-expect-error A descriptor is a number.
new WASI({ stdin: '0' })
// @ts-expect-error A descriptor is no stream.
new WASI({ stdout: process.stdout })
// @ts-expect-error There is no null.
new WASI({ stderr: null })
// @ts-expect-error It is a boolean.
new WASI({ returnOnExit: 1 })
// @ts-expect-error There is no such option.
new WASI({ preopen: {} })
// @ts-expect-error There is only one argument.
new WASI({}, {})
// @ts-expect-error It is a class.
WASI({})

// Methods.
const wasi = new WASI()
is<Equal<ReturnType<typeof wasi.start>, number>>()
is<Equal<ReturnType<typeof wasi.initialize>, void>>()
is<Equal<ReturnType<typeof wasi.finalizeBindings>, void>>()
is<Equal<ReturnType<typeof wasi.getImportObject>, object>>()
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
wasi.wasiImport['fd_write']?.(1, 0, 0, 0)
wasi.close()
wasi[Symbol.dispose]()
const disposable: Disposable = wasi

// @ts-expect-error An instance is needed.
wasi.start()
// @ts-expect-error An instance is an object.
wasi.start('instance')
// @ts-expect-error An instance is needed.
wasi.initialize()
// @ts-expect-error A memory is an object.
wasi.finalizeBindings(instance, { memory: 5 })
// @ts-expect-error There is no such option.
wasi.finalizeBindings(instance, { memories: instance })
// @ts-expect-error It takes nothing.
wasi.close(0)
// @ts-expect-error wasiImport is replaced by nobody who is typed.
wasi.wasiImport = {}
// @ts-expect-error There is no such method.
wasi.run(instance)

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

export { asNode, code, constructor, disposable, options, sandbox }
