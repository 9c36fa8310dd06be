#!/usr/bin/env node
// `npx capwasi [options] program.wasm [arguments]`: runs a program in a sandbox, as its own command.

import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'

const require = createRequire(import.meta.url)
const { version } = require('./package.json')

const HELP = `capwasi runs a WebAssembly program (WASI preview1) in a sandbox.

  capwasi [options] program.wasm [arguments]

It can reach its standard input, output and error, and what these options give it:

  --dir HOST[::GUEST][:ro]  a directory, by the name GUEST, else HOST; :ro for reading only
  --env NAME[=VALUE]        an environment variable; without VALUE, as it is here
  --inherit-env             every environment variable there is here
  --listen ADDRESS:PORT     a listening TCP socket, such as 127.0.0.1:8080 or [::1]:0

How it runs:

  --argv0 NAME              the name it is called by, else program.wasm
  --seed N                  random numbers from the seed N, and clocks that start at 0 and
                            only move when it sleeps: the same run every time
  --trace                   each of its calls, on standard error

  --version, --help (-h)

--dir, --env and --listen can be given more than once. The exit status is the program's; 134 if it
trapped, 2 if it could not be run.`

const OPTIONS = {
  dir: { type: 'string', multiple: true, default: [] },
  env: { type: 'string', multiple: true, default: [] },
  'inherit-env': { type: 'boolean' },
  listen: { type: 'string', multiple: true, default: [] },
  argv0: { type: 'string' },
  seed: { type: 'string' },
  trace: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

/** What keeps a program from being run: one line for the person who asked for it. */
class Refusal extends Error {}

const refuse = (message) => {
  throw new Refusal(message)
}

/** The options of ours, which end where the program is named, and what follows. */
function readCommandLine(argv) {
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const end = tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length
  const [program, ...args] = argv.slice(end)
  try {
    const { values } = parseArgs({ args: argv.slice(0, end), options: OPTIONS })
    return { values, program, args }
  } catch (error) {
    return refuse(`${error.message.split(/\.\s/)[0]}; see capwasi --help`)
  }
}

/** `HOST[::GUEST][:ro]`, as an entry of `preopens`. */
function readDirectory(text) {
  const readonly = text.endsWith(':ro')
  const [host, guest = host, ...rest] = (readonly ? text.slice(0, -3) : text).split('::')
  if (host === '' || guest === '' || rest.length > 0) refuse(`--dir ${text}: not HOST[::GUEST][:ro]`)
  return [guest, readonly ? { path: host, readonly } : host]
}

function readDirectories(texts) {
  const directories = texts.map(readDirectory)
  const names = directories.map(([name]) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) refuse(`--dir: two directories have the name ${twice}`)
  return Object.fromEntries(directories)
}

/** `NAME[=VALUE]`, as an entry of `env`; what is not set here stays unset. */
function readVariable(text) {
  const at = text.indexOf('=')
  if (text === '' || at === 0) refuse(`--env ${text}: not NAME[=VALUE]`)
  return at < 0 ? [text, process.env[text]] : [text.slice(0, at), text.slice(at + 1)]
}

/** One guest's time and chance, of its own. */
function readSeed(text) {
  if (text === undefined) return {}
  if (!/^(\d+|0x[\da-f]+)$/i.test(text) || BigInt(text) >= 1n << 256n)
    refuse(`--seed ${text}: not a number below 2^256`)
  return { random: { seed: BigInt(text) }, clock: { realtime: 0n, monotonic: 0n } }
}

function readOptions(values, program, args) {
  return {
    args: [values.argv0 ?? program, ...args],
    env: { ...(values['inherit-env'] && process.env), ...Object.fromEntries(values.env.map(readVariable)) },
    preopens: readDirectories(values.dir),
    ...(values.listen.length > 0 && { sockets: values.listen }),
    ...readSeed(values.seed),
    ...(values.trace && { trace: true }),
  }
}

/** The bytes of the program, which must look like a module. */
function readProgram(path) {
  let bytes
  try {
    bytes = readFileSync(path)
  } catch (error) {
    return refuse(`${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`)
  }
  if (bytes.length < 8 || bytes.readUInt32BE(0) !== 0x0061736d) {
    const text = path.endsWith('.wat') || /^\s*(\(|;;)/.test(bytes.toString('latin1', 0, 100))
    if (text) refuse(`${path} is WebAssembly as text: translate it first, with wat2wasm or wasm-tools parse`)
    refuse(`${path} is not WebAssembly`)
  }
  // The version in the header's low 16 bits, and in its high ones the layer, which is 1 for components.
  if (bytes.readUInt16LE(6) === 1) {
    refuse(
      `${path} is a component, for WASI preview2; this runs core modules. For components see jco: ` +
        'https://github.com/bytecodealliance/jco',
    )
  }
  return bytes
}

/** Compiles, telling a person at a terminal who would wonder. */
async function compile(path, bytes) {
  const notice = `compiling ${Math.round(bytes.length / 1e6)} MB …`
  let told = false
  const tell = () => {
    writeSync(2, notice)
    told = true
  }
  const timer = isatty(2) && setTimeout(tell, 500)
  // A compilation in another thread does not keep every Node from ending.
  const alive = setInterval(() => {}, 1 << 30)
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    return refuse(`${path}: ${error.message}`)
  } finally {
    clearTimeout(timer)
    clearInterval(alive)
    if (told) writeSync(2, `\r${' '.repeat(notice.length)}\r`)
  }
}

const NAMESPACES = { wasi_snapshot_preview1: 'preview1', wasi_unstable: 'unstable' }

/** The version of WASI that a module imports; preview1 if it imports none. */
function versionOf(imports) {
  const found = imports.find(({ module }) => Object.hasOwn(NAMESPACES, module))
  return found ? NAMESPACES[found.module] : 'preview1'
}

/** Refuses a module that cannot be run. */
function check(path, module, importObject) {
  const imports = WebAssembly.Module.imports(module)
  const shared = imports.find(({ kind }) => kind === 'memory')
  if (shared) {
    refuse(
      `${path} imports its memory (${shared.module}.${shared.name}), as programs with threads do; ` +
        'this runs programs that have their own',
    )
  }
  const there = ({ module, name, kind }) =>
    kind === 'function' && Object.hasOwn(importObject, module) && Object.hasOwn(importObject[module], name)
  const missing = imports.filter((wanted) => !there(wanted)).map(({ module, name }) => `${module}.${name}`)
  if (missing.length > 0) refuse(`${path} needs what is not there: ${missing.join(', ')}`)
  const kinds = Object.fromEntries(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]))
  if (kinds.memory !== 'memory') refuse(`${path} exports no memory`)
  const [command, reactor] = ['_start', '_initialize'].map((name) => kinds[name] === 'function')
  if (!command && !reactor) refuse(`${path} exports neither _start nor _initialize: it is no program`)
  if (command && reactor) refuse(`${path} exports both _start and _initialize: it is a program or it is not`)
}

/** A sandbox; what it cannot be given is named by the option that asked for it. */
function sandbox(options) {
  try {
    const { WASI } = require('./index.js')
    return new WASI(options)
  } catch (error) {
    if (error.code === undefined) throw error
    const why = error.code.startsWith('UVWASI_') ? error.code.replace('UVWASI_', '') : 'not an IP address and a port'
    const [, socket] = /options\.sockets\[(\d+)\]/.exec(error.message) ?? []
    if (socket !== undefined) refuse(`--listen ${options.sockets[socket]}: ${why}`)
    return refuse(error.path === undefined ? error.message : `--dir ${error.path}: ${why}`)
  }
}

/** A line of text without what a terminal would obey: a module names its functions and imports as it likes. */
const visible = (text) =>
  text.replace(/\p{Cc}/gu, (control) => `\\x${control.codePointAt(0).toString(16).padStart(2, '0')}`)

/** Prints what a guest died of, as far as it is the guest's. */
function trapped(error) {
  const frames = `${error?.stack}`.split('\n').filter((line) => line.includes('wasm://'))
  const lines = [`capwasi: the program trapped: ${error?.message ?? error}`, ...frames]
  console.error(lines.map(visible).join('\n'))
  return 134
}

/** Runs the program: its exit status. */
async function run(argv) {
  const { values, program, args } = readCommandLine(argv)
  if (values.help || values.version) {
    console.log(values.help ? HELP : `capwasi ${version}`)
    return 0
  }
  if (program === undefined) refuse('no program; see capwasi --help')
  const options = readOptions(values, program, args)
  const module = await compile(program, readProgram(program))
  const wasi = sandbox({ version: versionOf(WebAssembly.Module.imports(module)), ...options })
  check(program, module, wasi.getImportObject())
  // Which port was free, nobody could know otherwise.
  const free = wasi.addresses.filter((_, index) => values.listen[index].endsWith(':0'))
  for (const address of free) console.error(`capwasi: listening on ${address}`)
  Error.stackTraceLimit = 100
  try {
    const instance = new WebAssembly.Instance(module, wasi.getImportObject())
    if ('_start' in instance.exports) return wasi.start(instance)
    wasi.initialize(instance)
    return 0
  } catch (error) {
    return error.code === 'ERR_WASI_EXIT' ? error.exitCode : trapped(error)
  }
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  console.error(visible(`capwasi: ${error.message}`))
  process.exitCode = 2
}
