#!/usr/bin/env node
// Implements `npx capwasi [options] program.wasm [arguments]`, which runs a program in a sandbox.

import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'

const require = createRequire(import.meta.url)
const { version } = require('./package.json')

const HELP = `capwasi runs a WebAssembly program (WASI preview1) in a sandbox.

  capwasi [options] program.wasm [arguments]

The program can use standard input, output and error, and what these options grant:

  --dir HOST[::GUEST][:ro]  mount directory HOST as GUEST (default: HOST); :ro = read-only
  --overlay HOST[::GUEST]   the same, but keep changes in memory: HOST is never changed
  --memory-dir GUEST        mount an empty directory in memory as GUEST, discarded at the end
  --env NAME[=VALUE]        set a variable; without =VALUE, copy NAME from your environment
  --inherit-env             pass your whole environment; --env overrides single variables
  --listen ADDRESS:PORT     listen on TCP, such as 127.0.0.1:8080 or [::1]:0 (0 = any free port)

Other options:

  --argv0 NAME              set argv[0] (default: program.wasm, as given)
  --changes                 list the changes of --overlay on standard error at the end: A path
                            (added), M path (modified), D path (removed); if there are several
                            overlays, the paths start with GUEST
  --seed N                  make runs reproducible: random bytes come from seed N, clocks start
                            at 0 and advance only while the program sleeps
  --trace                   log every WASI call to standard error
  --version                 print the version
  --help, -h                print this help

Options that grant something can be repeated. Options must come before the program.
GUEST, or HOST without GUEST, cannot end in ':' and a word, such as :rw. The only mode is :ro.
Exit status: the program's, 134 after a trap, 2 if the program cannot be started.`

const OPTIONS = {
  dir: { type: 'string', multiple: true, default: [] },
  overlay: { type: 'string', multiple: true, default: [] },
  'memory-dir': { type: 'string', multiple: true, default: [] },
  env: { type: 'string', multiple: true, default: [] },
  'inherit-env': { type: 'boolean' },
  listen: { type: 'string', multiple: true, default: [] },
  argv0: { type: 'string' },
  changes: { type: 'boolean' },
  seed: { type: 'string' },
  trace: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

/** Reports in one line why the program cannot be started. */
class StartError extends Error {}

const fail = (message) => {
  throw new StartError(message)
}

/** Shows a value of the command line in a message. */
const show = (text) => (/^\S+$/.test(text) ? text : `'${text}'`)

/** Suggests an option for an unknown name, like `new WASI`; null if none is similar, or if there is no addon. */
function suggestOption(name) {
  const known = Object.keys(OPTIONS).map((option) => `--${option}`)
  try {
    return require('./lib/native.js').load().suggestion(name, known)
  } catch {
    return null
  }
}

/** Explains an error of `parseArgs`. `options` are the tokens of the options. */
function explain({ code, message }, options) {
  const [problem] = message.split(/\.\s/)
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const { rawName } = options.find(({ name }) => !Object.hasOwn(OPTIONS, name))
    const advice = suggestOption(rawName)
    if (advice !== null) return `${problem}. ${advice} See capwasi --help`
  }
  if (problem.endsWith('is ambiguous')) {
    const isOption = ({ inlineValue, value }) => inlineValue === false && /^-./.test(value)
    const { rawName, value } = options.find(isOption)
    return `${problem}; to pass '${value}' as its value, write ${rawName}=${value}; see capwasi --help`
  }
  return `${problem}; see capwasi --help`
}

/** Splits the command line at the program, which is the first positional argument. */
function readCommandLine(argv) {
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const end = tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length
  const [program, ...args] = argv.slice(end)
  const options = tokens.filter(({ kind, index }) => kind === 'option' && index < end)
  try {
    const { values } = parseArgs({ args: argv.slice(0, end), options: OPTIONS })
    return { values, program, args, lastOption: options.at(-1) }
  } catch (error) {
    return fail(explain(error, options))
  }
}

/** Fails for a command line without a program. The program may have become the value of the last option. */
function failWithoutProgram(lastOption) {
  const isTaken = lastOption?.inlineValue === false
  const taken = isTaken ? `; ${show(lastOption.value)} is the value of ${lastOption.rawName}` : ''
  fail(`no program given${taken}; see capwasi --help`)
}

/** Rejects a mode at the end of GUEST: a mistyped `:ro` must not make a directory writable. */
function rejectMode(guest, invalid) {
  const [mode] = /:[\w,-]*$/.exec(guest) ?? []
  if (mode !== undefined) invalid(`unknown mode '${mode}'`)
}

/** Splits `HOST[::GUEST]` in two. */
function splitNames(text, invalid) {
  const [host, guest = host, ...rest] = text.split('::')
  if (host === '') invalid('HOST is empty')
  if (guest === '') invalid('GUEST is empty')
  if (rest.length > 0) invalid("more than one '::'")
  // On Windows `C:name` is a path.
  const isOnDrive = guest === host && /^[a-z]:/i.test(host)
  if (!isOnDrive) rejectMode(guest, invalid)
  return [host, guest]
}

/** Returns a function that rejects a value of an option. */
const rejecting = (option, text, expected) => (reason) =>
  fail(`${option} ${show(text)}: ${reason}; expected ${expected}`)

/** Converts `HOST[::GUEST][:ro]` to a directory for the guest. */
function readDirectory(text) {
  const readonly = text.endsWith(':ro')
  const invalid = rejecting('--dir', text, 'HOST[::GUEST][:ro]')
  const [host, guest] = splitNames(readonly ? text.slice(0, -3) : text, invalid)
  return { option: '--dir', guest, preopen: readonly ? { path: host, readonly } : host }
}

function readOverlay(text) {
  const [host, guest] = splitNames(text, rejecting('--overlay', text, 'HOST[::GUEST]'))
  return { option: '--overlay', guest, lower: host }
}

function readMemoryDirectory(text) {
  const invalid = rejecting('--memory-dir', text, 'GUEST')
  if (text === '') invalid('GUEST is empty')
  if (text.includes('::')) invalid("a directory in memory has no HOST, and no '::'")
  rejectMode(text, invalid)
  return { option: '--memory-dir', guest: text }
}

/** Reads the directories of the command line. */
function readDirectories(values) {
  const directories = [
    ...values.dir.map(readDirectory),
    ...values.overlay.map(readOverlay),
    ...values['memory-dir'].map(readMemoryDirectory),
  ]
  const names = directories.map(({ guest }) => guest)
  const duplicate = names.find((name, index) => names.indexOf(name) !== index)
  if (duplicate !== undefined) {
    const options = new Set(directories.filter(({ guest }) => guest === duplicate).map(({ option }) => option))
    fail(`${[...options].join(' and ')}: two directories are named ${duplicate}; expected a different GUEST for each`)
  }
  if (values.changes && values.overlay.length === 0) fail('--changes: no overlay; expected --overlay HOST[::GUEST] too')
  return directories
}

/** Converts `NAME[=VALUE]` to an entry of `env`. A variable that is not in the environment stays unset. */
function readVariable(text) {
  const separator = text.indexOf('=')
  if (text === '' || separator === 0) fail(`--env ${show(text)}: NAME is empty; expected NAME[=VALUE]`)
  return separator < 0 ? [text, process.env[text]] : [text.slice(0, separator), text.slice(separator + 1)]
}

/** Converts `--seed` to the options for a reproducible run. */
function readSeed(text) {
  if (text === undefined) return {}
  const invalid = (reason) =>
    fail(`--seed ${show(text)}: ${reason}; expected a number from 0 to 2^256 - 1, such as 7 or 0x7`)
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) invalid('not a whole number')
  if (BigInt(text) >= 1n << 256n) invalid('too large')
  return { random: { seed: BigInt(text) }, clock: { realtime: 0n, monotonic: 0n } }
}

function readOptions(values, program, args) {
  return {
    args: [values.argv0 ?? program, ...args],
    env: { ...(values['inherit-env'] && process.env), ...Object.fromEntries(values.env.map(readVariable)) },
    ...(values.listen.length > 0 && { sockets: values.listen }),
    ...readSeed(values.seed),
    ...(values.trace && { trace: true }),
  }
}

/** Reads the program. Fails for a file that is not a WebAssembly module. */
function readProgram(path) {
  let bytes
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const reasons = { ENOENT: 'no such file', EISDIR: 'is a directory; expected a WebAssembly module' }
    return fail(`${show(path)}: ${reasons[error.code] ?? error.message}`)
  }
  if (bytes.length < 8 || bytes.readUInt32BE(0) !== 0x0061736d) {
    const isText = path.endsWith('.wat') || /^\s*(\(|;;)/.test(bytes.toString('latin1', 0, 100))
    if (isText) fail(`${path} is WebAssembly text; convert it to binary first, with wat2wasm or wasm-tools parse`)
    fail(`${path} is not WebAssembly; expected a binary module, which starts with "\\0asm"`)
  }
  // The low 16 bits of this header field are the version; the high 16 bits are the layer, which is 1 for components.
  if (bytes.readUInt16LE(6) === 1) {
    fail(
      `${path} is a component (WASI preview2); capwasi runs core modules (WASI preview1). ` +
        'To run components, use jco: https://github.com/bytecodealliance/jco',
    )
  }
  return bytes
}

/** Compiles the module. At a terminal, a notice is shown while this takes more than half a second. */
async function compile(path, bytes) {
  const notice = `compiling ${Math.round(bytes.length / 1e6)} MB …`
  let isShown = false
  const show = () => {
    writeSync(2, notice)
    isShown = true
  }
  const timer = isatty(2) && setTimeout(show, 500)
  // In some versions of Node a compilation in another thread does not keep the process alive.
  const keepAlive = setInterval(() => {}, 1 << 30)
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    return fail(`${path}: ${error.message}`)
  } finally {
    clearTimeout(timer)
    clearInterval(keepAlive)
    if (isShown) writeSync(2, `\r${' '.repeat(notice.length)}\r`)
  }
}

const NAMESPACES = { wasi_snapshot_preview1: 'preview1', wasi_unstable: 'unstable' }

/** Returns the version of WASI that a module imports, or preview1 if it imports none. Fails if it imports both. */
function versionOf(path, module) {
  const imported = new Set(WebAssembly.Module.imports(module).map((entry) => entry.module))
  const [namespace, other] = Object.keys(NAMESPACES).filter((name) => imported.has(name))
  if (other !== undefined) {
    fail(`${path} imports from both ${namespace} and ${other}; a program can import only one version of WASI`)
  }
  return NAMESPACES[namespace] ?? 'preview1'
}

/** Names at most three of the imports that are missing, and counts the rest. */
function describeMissing(missing) {
  const type = missing.every(({ kind }) => kind === 'function') ? 'function' : 'value'
  const names = missing.slice(0, 3).map(({ module, name }) => `${module}.${name}`)
  const rest = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  const count = missing.length === 1 ? `1 ${type}` : `${missing.length} ${type}s`
  return `imports ${count} that capwasi does not provide: ${names.join(', ')}${rest}`
}

/** Fails for a module with unknown imports, without a memory, or without exactly one entry point. */
function checkModule(path, module, importObject) {
  const imports = WebAssembly.Module.imports(module)
  const memory = imports.find(({ kind }) => kind === 'memory')
  if (memory) {
    fail(
      `${path} imports its memory (${memory.module}.${memory.name}), as programs with threads do; ` +
        'this command runs programs that export their memory',
    )
  }
  const isProvided = ({ module, name, kind }) =>
    kind === 'function' && Object.hasOwn(importObject, module) && Object.hasOwn(importObject[module], name)
  const missing = imports.filter((entry) => !isProvided(entry))
  if (missing.length > 0) fail(`${path} ${describeMissing(missing)}`)
  const kinds = Object.fromEntries(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]))
  if (kinds.memory !== 'memory') fail(`${path} exports no memory; expected one with the name \`memory\``)
  const [isCommand, isReactor] = ['_start', '_initialize'].map((name) => kinds[name] === 'function')
  if (!isCommand && !isReactor) fail(`${path} has neither \`_start\` nor \`_initialize\`; expected one of them`)
  if (isCommand && isReactor) fail(`${path} has both \`_start\` and \`_initialize\`; expected one of them`)
}

/** Reasons for the usual errnos of `new WASI`. */
const REASONS = {
  ENOENT: 'no such directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** Creates the directories in memory and overlays. */
function openDirectories(directories) {
  for (const directory of directories) {
    const { option, lower } = directory
    try {
      if (option === '--memory-dir') directory.preopen = require('./index.js').Directory.memory()
      if (option === '--overlay') directory.preopen = require('./index.js').Directory.overlay(lower)
    } catch (error) {
      if (error.code === undefined) throw error
      fail(`${option} ${show(lower)}: ${REASONS[error.code] ?? error.message}`)
    }
  }
}

/** Creates the sandbox. Errors name the command-line option instead of the option of `new WASI`. */
function createSandbox(options) {
  try {
    const { WASI } = require('./index.js')
    return new WASI(options)
  } catch (error) {
    if (error.code === undefined) throw error
    const errno = error.code.startsWith('UVWASI_') && error.code.slice('UVWASI_'.length)
    const reason = errno
      ? (REASONS[errno] ?? errno)
      : 'not an IP address with a port; expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0'
    const [, socket] = /options\.sockets\[(\d+)\]/.exec(error.message) ?? []
    if (socket !== undefined) fail(`--listen ${show(options.sockets[socket])}: ${reason}`)
    return fail(error.path === undefined ? error.message : `--dir ${show(error.path)}: ${reason}`)
  }
}

/** Escapes control characters, or others, as `\x0a` or `\u202e`. */
const escapeControls = (text, characters = /\p{Cc}/gu) =>
  text.replace(characters, (character) => {
    const code = character.codePointAt(0).toString(16)
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
  })

/** Prints a trap with the WebAssembly frames of its stack. Returns the exit status. */
function reportTrap(error) {
  const frames = `${error?.stack}`.split('\n').filter((line) => line.includes('wasm://'))
  const lines = [`capwasi: the program trapped: ${error?.message ?? error}`, ...frames]
  console.error(lines.map((line) => escapeControls(line)).join('\n'))
  return 134
}

const LETTERS = { added: 'A', modified: 'M', removed: 'D' }

/** Lists the changes of the overlays. An error does not change the exit status. */
function reportChanges(directories) {
  const overlays = directories.filter(({ option }) => option === '--overlay')
  for (const { guest, preopen } of overlays) {
    // The guest's name of the overlay, if there are several.
    const prefix = overlays.length === 1 ? '' : guest.replace(/\/?$/, '/')
    const line = ({ change, path }) =>
      escapeControls(`${LETTERS[change]} ${prefix}${path}`, /[\\\p{Cc}\p{Bidi_Control}]/gu)
    try {
      const lines = preopen.changes().map(line)
      if (lines.length > 0) console.error(lines.join('\n'))
    } catch (error) {
      console.error(escapeControls(`capwasi: --changes: cannot list the changes of ${show(guest)}: ${error.message}`))
    }
  }
}

/** Runs the program and returns the exit status. */
async function run(argv) {
  const { values, program, args, lastOption } = readCommandLine(argv)
  if (values.help || values.version) {
    console.log(values.help ? HELP : `capwasi ${version}`)
    return 0
  }
  if (program === undefined) failWithoutProgram(lastOption)
  const directories = readDirectories(values)
  const options = readOptions(values, program, args)
  const module = await compile(program, readProgram(program))
  openDirectories(directories)
  options.preopens = Object.fromEntries(directories.map(({ guest, preopen }) => [guest, preopen]))
  const wasi = createSandbox({ version: versionOf(program, module), ...options })
  checkModule(program, module, wasi.getImportObject())
  // Print each port that the system chose for `:0`.
  const chosen = wasi.addresses.filter((_, index) => values.listen[index].endsWith(':0'))
  for (const address of chosen) console.error(`capwasi: listening on ${address}`)
  Error.stackTraceLimit = 100
  try {
    const instance = new WebAssembly.Instance(module, wasi.getImportObject())
    if ('_start' in instance.exports) return wasi.start(instance)
    wasi.initialize(instance)
    return 0
  } catch (error) {
    return error.code === 'ERR_WASI_EXIT' ? error.exitCode : reportTrap(error)
  } finally {
    if (values.changes) reportChanges(directories)
  }
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof StartError)) throw error
  console.error(escapeControls(`capwasi: ${error.message}`))
  process.exitCode = 2
}
