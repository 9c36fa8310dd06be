'use strict'

// Finds the native addon for this platform: built beside this file (`npm run build`), or installed as the
// package `capwasi-<platform>`.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const platform = require('./platform.js')

function load() {
  const beside = join(__dirname, `capwasi.${platform}.node`)
  if (existsSync(beside)) return require(beside)
  try {
    return require(`capwasi-${platform}`)
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    const message =
      `capwasi has no native addon for ${platform}: there is neither ${beside} nor the package capwasi-${platform}. ` +
      'Install that package, or build the addon with `npm run build`, which needs Rust.'
    throw Object.assign(new Error(message, { cause }), { code: 'ERR_CAPWASI_NO_ADDON' })
  }
}

exports.WASI = load().WASI
