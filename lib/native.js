'use strict'

// Loads the native addon of this platform: built beside index.js (`npm run build`), or installed as the package
// `@capwasi/<platform>`. Each `require` has a literal name and is inside a `try`: bundlers then include the existing
// addons and skip the others.

/** The platforms that have a package. */
const PLATFORMS = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
]

/** The path of musl's dynamic linker, by processor. */
const MUSL_LINKERS = { __proto__: null, x64: '/lib/ld-musl-x86_64.so.1', arm64: '/lib/ld-musl-aarch64.so.1' }

/** Returns whether a file does not exist. Returns false if the runtime's permissions forbid the check. */
function isMissing(file) {
  try {
    return !require('node:fs').existsSync(file)
  } catch {
    return false
  }
}

/** Returns whether this program uses musl. glibc and musl can be installed beside each other. */
function usesMusl() {
  const linker = MUSL_LINKERS[process.arch]
  return !(linker && isMissing(linker)) && require('./musl.js').usesMusl(process.execPath)
}

function abi() {
  if (process.platform === 'win32') return '-msvc'
  if (process.platform !== 'linux') return ''
  return usesMusl() ? '-musl' : '-gnu'
}

/** The name of this platform, as in the names of its addon and its package. */
const platform = `${process.platform}-${process.arch}${abi()}`

/** The exceptions of calls of `require` that have not found their file. */
const notFound = []

/**
 * Returns whether an exception says that there is no such file. The second code is that of a single executable of Node,
 * and Bun's bundler throws the message.
 */
const isNotFound = ({ code, message }) =>
  code === 'MODULE_NOT_FOUND' ||
  code === 'ERR_UNKNOWN_BUILTIN_MODULE' ||
  `${message}`.startsWith('Cannot require module')

/** Handles the exception of a `require`. */
function noteNotFound(error) {
  if (!isNotFound(error)) throw loadErrors().explained(error)
  notFound.push(error)
}

const loadErrors = () => require('./load-errors.js')

/**
 * Loads the addon that the environment names, as for a single executable; undefined if it names none. Deno would ask
 * for a permission.
 */
function loadNamed() {
  const file = globalThis.Deno === undefined ? process.env.CAPWASI_ADDON : undefined
  if (!file) return undefined
  const path = require('node:path').resolve(file)
  try {
    return require('node:module').createRequire(path)(path)
  } catch (error) {
    throw error.code === 'MODULE_NOT_FOUND' ? loadErrors().missingFile(file, error) : error
  }
}

/** Loads the built addon; undefined if there is none. */
function loadBuilt() {
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        return require('../capwasi.linux-x64-gnu.node')
      case 'linux-x64-musl':
        return require('../capwasi.linux-x64-musl.node')
      case 'linux-arm64-gnu':
        return require('../capwasi.linux-arm64-gnu.node')
      case 'linux-arm64-musl':
        return require('../capwasi.linux-arm64-musl.node')
      case 'darwin-x64':
        return require('../capwasi.darwin-x64.node')
      case 'darwin-arm64':
        return require('../capwasi.darwin-arm64.node')
      case 'win32-x64-msvc':
        return require('../capwasi.win32-x64-msvc.node')
      case 'win32-arm64-msvc':
        return require('../capwasi.win32-arm64-msvc.node')
      default: // A platform without a package. Bundlers cannot follow this `require`.
        return require('node:module').createRequire(__filename)(`../capwasi.${platform}.node`)
    }
  } catch (error) {
    noteNotFound(error)
  }
  return undefined
}

/** Loads the package of this platform; undefined if there is none. */
function loadPackage() {
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        return require('@capwasi/linux-x64-gnu')
      case 'linux-x64-musl':
        return require('@capwasi/linux-x64-musl')
      case 'linux-arm64-gnu':
        return require('@capwasi/linux-arm64-gnu')
      case 'linux-arm64-musl':
        return require('@capwasi/linux-arm64-musl')
      case 'darwin-x64':
        return require('@capwasi/darwin-x64')
      case 'darwin-arm64':
        return require('@capwasi/darwin-arm64')
      case 'win32-x64-msvc':
        return require('@capwasi/win32-x64-msvc')
      case 'win32-arm64-msvc':
        return require('@capwasi/win32-arm64-msvc')
    }
  } catch (error) {
    noteNotFound(error)
  }
  return undefined
}

let addon

/** Returns the addon. Loads it at the first call. */
function load() {
  addon ??= loadNamed() ?? loadBuilt() ?? loadPackage()
  if (addon === undefined) throw loadErrors().missing(platform, PLATFORMS, notFound)
  return addon
}

exports.load = load
exports.platform = platform
exports.PLATFORMS = PLATFORMS
