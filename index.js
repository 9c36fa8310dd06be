'use strict'

// Finds the native addon for this platform: built beside this file (`npm run build`), or installed as the
// package `capwasi-<platform>`.

const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

function usesMusl() {
  try {
    return readFileSync('/usr/bin/ldd', 'utf8').includes('musl')
  } catch {
    process.report.excludeNetwork = true
    return !process.report.getReport().header.glibcVersionRuntime
  }
}

function platform() {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${usesMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

function load() {
  const name = platform()
  const beside = join(__dirname, `capwasi.${name}.node`)
  if (existsSync(beside)) return require(beside)
  try {
    return require(`capwasi-${name}`)
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    const message =
      `capwasi has no native addon for ${name}: there is neither ${beside} nor the package capwasi-${name}. ` +
      'Install that package, or build the addon with `npm run build`, which needs Rust.'
    throw Object.assign(new Error(message, { cause }), { code: 'ERR_CAPWASI_NO_ADDON' })
  }
}

exports.WASI = load().WASI
