'use strict'

// Loads the native addon of this platform: built beside index.js (`npm run build`), or installed as the package
// `capwasi-<platform>`. Each is a literal `require` in a `try`: bundlers include the addons that exist and skip others.

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

/** Whether a file does not exist. Node's permission model may hide the file. */
function isMissing(file) {
  try {
    return !existsSync(file)
  } catch {
    return false
  }
}

/** The names of processors in the path of musl's dynamic linker. */
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

/** Loads the addon. */
function load() {
  let cause
  // A failing `require` of a file takes longer than all the rest. In a bundle, `built` is not the path of the addon.
  for (const place of existsSync(built) ? ['built'] : ['package', 'built']) {
    try {
      switch (`${place} ${platform}`) {
        case 'package linux-x64-gnu':
          return require('capwasi-linux-x64-gnu')
        case 'built linux-x64-gnu':
          return require('../capwasi.linux-x64-gnu.node')
        case 'package linux-x64-musl':
          return require('capwasi-linux-x64-musl')
        case 'built linux-x64-musl':
          return require('../capwasi.linux-x64-musl.node')
        case 'package linux-arm64-gnu':
          return require('capwasi-linux-arm64-gnu')
        case 'built linux-arm64-gnu':
          return require('../capwasi.linux-arm64-gnu.node')
        case 'package linux-arm64-musl':
          return require('capwasi-linux-arm64-musl')
        case 'built linux-arm64-musl':
          return require('../capwasi.linux-arm64-musl.node')
        case 'package darwin-x64':
          return require('capwasi-darwin-x64')
        case 'built darwin-x64':
          return require('../capwasi.darwin-x64.node')
        case 'package darwin-arm64':
          return require('capwasi-darwin-arm64')
        case 'built darwin-arm64':
          return require('../capwasi.darwin-arm64.node')
        case 'package win32-x64-msvc':
          return require('capwasi-win32-x64-msvc')
        case 'built win32-x64-msvc':
          return require('../capwasi.win32-x64-msvc.node')
        case 'package win32-arm64-msvc':
          return require('capwasi-win32-arm64-msvc')
        case 'built win32-arm64-msvc':
          return require('../capwasi.win32-arm64-msvc.node')
        case `built ${platform}`: // A platform without a package. Bundlers cannot see this `require`.
          return require('node:module').createRequire(__filename)(built)
      }
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error
      cause = error
    }
  }
  const remedy = PLATFORMS.includes(platform)
    ? `Install that package. It is an optional dependency: npm skips it with --omit=optional, and also if ` +
      `node_modules or the lock file come from another platform.`
    : `Packages exist for ${PLATFORMS.join(', ')}.`
  const message =
    `capwasi has no native addon for ${platform}: found neither ${require('node:path').normalize(built)} ` +
    `nor the package capwasi-${platform}. ` +
    `${remedy} To build the addon from source, run \`npm run build\` in a clone of capwasi; this needs Rust.`
  throw Object.assign(new Error(message, { cause }), { code: 'ERR_CAPWASI_NO_ADDON' })
}

exports.load = load
exports.platform = platform
exports.PLATFORMS = PLATFORMS
