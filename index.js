'use strict'

// Finds the native addon for this platform: built beside this file (`npm run build`), or installed as
// the optional dependency `capwasi-<platform>`.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

function platform() {
  const { platform, arch } = process
  if (platform === 'win32') return `win32-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  const glibc = process.report?.getReport().header.glibcVersionRuntime
  return `linux-${arch}-${glibc ? 'gnu' : 'musl'}`
}

function load() {
  const name = platform()
  const beside = join(__dirname, `capwasi.${name}.node`)
  if (existsSync(beside)) return require(beside)
  try {
    return require(`capwasi-${name}`)
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    const message = `capwasi has no native addon for ${name}: neither ${beside} nor the package capwasi-${name} is there. ` +
      'Reinstall with optional dependencies, or build it with `npm run build` (needs Rust).'
    throw Object.assign(new Error(message, { cause }), { code: 'ERR_CAPWASI_NO_ADDON' })
  }
}

exports.WASI = load().WASI
