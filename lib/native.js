'use strict'

// Loads the native addon of this platform: built beside index.js (`npm run build`), or installed as the package
// `capwasi-<platform>`. Each `require` has a literal name and is inside a `try`: bundlers then include the existing
// addons and skip the others.

const { existsSync } = require('node:fs')

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

/** Returns whether a file does not exist. Returns false if Node's permission model forbids the check. */
function isMissing(file) {
  try {
    return !existsSync(file)
  } catch {
    return false
  }
}

/** Names of the processors in the path of musl's dynamic linker. */
const MUSL_ARCH = { x64: 'x86_64', arm64: 'aarch64' }

/** Returns whether this program uses musl, whose dynamic linker has a fixed path. glibc can be installed beside it. */
function usesMusl() {
  const name = MUSL_ARCH[process.arch]
  return !(name && isMissing(`/lib/ld-musl-${name}.so.1`)) && require('./musl.js').usesMusl(process.execPath)
}

function abi() {
  if (process.platform === 'win32') return '-msvc'
  if (process.platform !== 'linux') return ''
  return usesMusl() ? '-musl' : '-gnu'
}

/** The name of this platform, as in the names of its addon and its package. */
const platform = `${process.platform}-${process.arch}${abi()}`

const built = `${__dirname}/../capwasi.${platform}.node`

/** The exception of a `require` that has not found its file. */
let notFound

const rethrowUnlessNotFound = (error) => {
  if (error.code !== 'MODULE_NOT_FOUND') throw error
  notFound = error
}

/** Loads the package of this platform; undefined if there is none. */
function loadPackage() {
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        return require('capwasi-linux-x64-gnu')
      case 'linux-x64-musl':
        return require('capwasi-linux-x64-musl')
      case 'linux-arm64-gnu':
        return require('capwasi-linux-arm64-gnu')
      case 'linux-arm64-musl':
        return require('capwasi-linux-arm64-musl')
      case 'darwin-x64':
        return require('capwasi-darwin-x64')
      case 'darwin-arm64':
        return require('capwasi-darwin-arm64')
      case 'win32-x64-msvc':
        return require('capwasi-win32-x64-msvc')
      case 'win32-arm64-msvc':
        return require('capwasi-win32-arm64-msvc')
    }
  } catch (error) {
    rethrowUnlessNotFound(error)
  }
  return undefined
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
        return require('node:module').createRequire(__filename)(built)
    }
  } catch (error) {
    rethrowUnlessNotFound(error)
  }
  return undefined
}

/**
 * Loads the addon. Checks for the built file first, because a failing `require` is slow. In a bundle there is no file
 * at `built`, but `loadBuilt` works.
 */
const load = () => (existsSync(built) ? loadBuilt() : (loadPackage() ?? loadBuilt())) ?? fail()

/** Throws the error for a platform without an addon. */
function fail() {
  const remedy = PLATFORMS.includes(platform)
    ? `Install that package. It is an optional dependency: npm skips it with --omit=optional, and also if ` +
      `node_modules or the lock file come from another platform.`
    : `Packages exist for ${PLATFORMS.join(', ')}.`
  const message =
    `capwasi has no native addon for ${platform}: found neither ${require('node:path').normalize(built)} ` +
    `nor the package capwasi-${platform}. ` +
    `${remedy} To build the addon from source, run \`npm run build\` in a clone of capwasi; this needs Rust.`
  throw Object.assign(new Error(message, { cause: notFound }), { code: 'ERR_CAPWASI_NO_ADDON' })
}

exports.load = load
exports.platform = platform
exports.PLATFORMS = PLATFORMS
