'use strict'

// Finds the native addon for this platform: built beside this file (`npm run build`), or installed as the
// package `capwasi-<platform>`.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { platform, PLATFORMS } = require('./platform.js')

function load() {
  const beside = join(__dirname, `capwasi.${platform}.node`)
  if (existsSync(beside)) return require(beside)
  try {
    return require(`capwasi-${platform}`)
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
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

exports.WASI = load().WASI
