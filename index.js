'use strict'

// Loads the native addon for this platform: built beside this file (`npm run build`), or installed as the package
// `capwasi-<platform>`. Bundlers find each of them by a literal `require` in a `try`, and leave those alone that are
// not there.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { platform, PLATFORMS } = require('./platform.js')

const beside = join(__dirname, `capwasi.${platform}.node`)

/** Throws the error of an addon that is there and cannot be loaded. */
function unlessMissing(error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error
}

function load() {
  // A `require` that fails takes as long as all the rest, so this looks first. Bundlers rename the addon: then the
  // package is required, and after it the file.
  const isBuilt = existsSync(beside)
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        if (!isBuilt)
          try {
            return require('capwasi-linux-x64-gnu')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.linux-x64-gnu.node')
      case 'linux-x64-musl':
        if (!isBuilt)
          try {
            return require('capwasi-linux-x64-musl')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.linux-x64-musl.node')
      case 'linux-arm64-gnu':
        if (!isBuilt)
          try {
            return require('capwasi-linux-arm64-gnu')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.linux-arm64-gnu.node')
      case 'linux-arm64-musl':
        if (!isBuilt)
          try {
            return require('capwasi-linux-arm64-musl')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.linux-arm64-musl.node')
      case 'darwin-x64':
        if (!isBuilt)
          try {
            return require('capwasi-darwin-x64')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.darwin-x64.node')
      case 'darwin-arm64':
        if (!isBuilt)
          try {
            return require('capwasi-darwin-arm64')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.darwin-arm64.node')
      case 'win32-x64-msvc':
        if (!isBuilt)
          try {
            return require('capwasi-win32-x64-msvc')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.win32-x64-msvc.node')
      case 'win32-arm64-msvc':
        if (!isBuilt)
          try {
            return require('capwasi-win32-arm64-msvc')
          } catch (error) {
            unlessMissing(error)
          }
        return require('./capwasi.win32-arm64-msvc.node')
      default:
        return require('node:module').createRequire(__filename)(beside)
    }
  } catch (cause) {
    unlessMissing(cause)
    const remedy = PLATFORMS.includes(platform)
      ? 'Install the package: it is an optional dependency, which npm leaves out with --omit=optional, and when ' +
        'node_modules or the lock file come from another platform.'
      : `There are packages for ${PLATFORMS.join(', ')}.`
    const message =
      `capwasi has no native addon for ${platform}: there is neither ${beside} nor the package capwasi-${platform}. ` +
      `${remedy} To build the addon from source, run \`npm run build\` in a clone of capwasi, which needs Rust.`
    throw Object.assign(new Error(message, { cause }), { code: 'ERR_CAPWASI_NO_ADDON' })
  }
}

const { WASI, provide } = load()
// Native code has no `require`. node:url is loaded when a URL is given first, since loading takes time.
provide({ fileURLToPath: (url) => require('node:url').fileURLToPath(url) })

exports.WASI = WASI
