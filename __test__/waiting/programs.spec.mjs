// Whole programs behave the same, suspended or not. `npm test` also runs the specs of the C guests with startAsync().
// Ruby is a reactor: its exports are called through WebAssembly.promising.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { onSuspending } from '../support/conditions.mjs'
import { tree } from '../support/guest.mjs'
import { WASI } from '../support/suspending.mjs'

const wasm = createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm')
const module = WebAssembly.compile(readFileSync(wasm))

const INIT = 'ruby-init: func(args: list<string>) -> ()'
const EVAL = 'rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>'

/** Evaluates Ruby with a new directory as /home. `isAsync` suspends it while it waits. Returns what it did. */
async function ruby(t, isAsync, source, options = {}) {
  const wasi = new WASI({
    version: 'preview1',
    preopens: { '/home': tree(t, { 'in.txt': 'one\ntwo\n' }) },
    stdout: 'pipe',
    stderr: 'pipe',
    ...options,
  })
  const imports = wasi.getImportObject({ suspending: isAsync })
  for (const { module: from, name } of WebAssembly.Module.imports(await module)) {
    imports[from] ??= {}
    // Handles are numbers. These programs use nothing else of the JavaScript interface.
    if (!(name in imports[from])) imports[from][name] = (handle) => handle
  }
  const instance = await WebAssembly.instantiate(await module, imports)
  const { memory, cabi_realloc: allocate } = instance.exports
  const call = (name, ...args) => (isAsync ? WebAssembly.promising : (f) => f)(instance.exports[name])(...args)
  /** Stores a string, and returns its address and size. */
  const store = (text) => {
    const bytes = Buffer.from(text)
    const address = allocate(0, 0, 1, bytes.length)
    new Uint8Array(memory.buffer).set(bytes, address)
    return [address, bytes.length]
  }
  if (isAsync) await wasi.initializeAsync(instance)
  else wasi.initialize(instance)
  const args = ['ruby', '-EUTF-8', '-e_=0'].flatMap((arg) => store(`${arg}\0`))
  const list = allocate(0, 0, 4, args.length * 4)
  new Uint32Array(memory.buffer).set(args, list / 4)
  await call(INIT, list, args.length / 2)
  const result = await call(
    EVAL,
    ...store(`begin; ${source}; rescue => e; warn(e.message); ensure; $stdout.flush; end`),
  )
  const state = new Uint32Array(memory.buffer)[result / 4 + 1]
  return { state, stdout: wasi.stdout.toString(), stderr: wasi.stderr.toString() }
}

for (const [title, source, expected, options] of [
  ['computes and prints', 'puts (1..20).inject(:*), RUBY_ENGINE', /^2432902008176640000\nruby\n$/],
  [
    'reads, writes, renames and lists files',
    `File.write("/home/new", File.readlines("/home/in.txt", chomp: true).join(",") * 1000)
     File.rename("/home/new", "/home/newer"); Dir.mkdir("/home/sub")
     puts Dir.children("/home").sort.join(" "), File.size("/home/newer"), File.stat("/home/sub").ftype`,
    /^in\.txt newer sub\n7000\ndirectory\n$/,
  ],
  ['reads stdin', 'puts STDIN.read.upcase', /^HELLO\n$/, { stdin: 'hello' }],
  ['sleeps', 'sleep 0.01; puts "awake"', /^awake\n$/],
  ['writes to stderr', 'warn "bye"', /^bye\n$/],
  ['raises an exception', 'raise "of the program"', /^of the program\n$/],
]) {
  onSuspending(`Ruby ${title} suspended as with blocking imports`, async (t) => {
    const result = await ruby(t, true, source, options)
    t.regex(result.stdout + result.stderr, expected)
    t.deepEqual(result, await ruby(t, false, source, options))
  })
}

onSuspending('Ruby reads lines of a stream while they arrive', async (t) => {
  const lines = async function* () {
    for (const line of ['one\n', 'two\n', 'three\n']) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      yield line
    }
  }
  const { state, stdout } = await ruby(t, true, 'STDIN.each_line { puts _1.reverse }', {
    stdin: Readable.from(lines()),
  })
  t.deepEqual([state, stdout.split('\n').filter(Boolean)], [0, ['eno', 'owt', 'eerht']])
})
