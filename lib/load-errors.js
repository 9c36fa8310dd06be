'use strict'

// Errors of loading the native addon.

const { dirname, join } = require('node:path')

const { assign } = Object

const withCode = (code, message, cause) => assign(new Error(message, { cause }), { code })

/** Returns the error for a platform without an addon. `notFound` has the exceptions of `require`. */
function missing(platform, platforms, notFound) {
  const file = `capwasi.${platform}.node`
  // The file that has called `require`. In a bundle, this is the bundle.
  const caller = notFound[0].requireStack?.[0]
  const remedy = platforms.includes(platform)
    ? `Install that package. It is an optional dependency: npm skips it with --omit=optional, and also if ` +
      `node_modules or the lock file come from another platform. In a bundle or a single executable, the environment ` +
      `variable CAPWASI_ADDON can name the addon.`
    : `Packages exist for ${platforms.join(', ')}.`
  const message =
    `capwasi has no native addon for ${platform}: found neither ` +
    `${caller === undefined ? file : join(dirname(caller), '..', file)} nor the package @capwasi/${platform}. ` +
    `${remedy} To build the addon from source, run \`npm run build\` in a clone of capwasi; this needs Rust.`
  return withCode('ERR_CAPWASI_NO_ADDON', message, notFound.at(-1))
}

/** Returns the error for an environment variable that names no file. */
const missingFile = (file, cause) =>
  withCode('ERR_CAPWASI_NO_ADDON', `The environment variable CAPWASI_ADDON: no such file: '${file}'`, cause)

/** Returns the exception of a `require` that has found its file, or the error that explains it. */
function explained(error) {
  if (error.name !== 'NotCapable') return error
  const message =
    `Deno does not permit capwasi to load its native addon. Run Deno with --allow-read and --allow-ffi: ` +
    error.message
  return withCode('ERR_CAPWASI_NO_ADDON', message, error)
}

exports.explained = explained
exports.missing = missing
exports.missingFile = missingFile
