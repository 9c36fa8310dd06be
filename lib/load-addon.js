'use strict'

// Rare cases of loading the native addon: the variable CAPWASI_ADDON, platforms without a package, and errors.

const { createRequire } = require('node:module')
const { dirname, join, resolve } = require('node:path')
const { PLATFORMS, platform } = require('./platform.js')

const { assign } = Object

const withCode = (code, message, cause) => assign(new Error(message, { cause }), { code })

/** Returns the error for a platform without an addon. The arguments are the exceptions of `require`. */
function missing([ofPackage, ofFile]) {
  const file = `capwasi.${platform}.node`
  // The file that has called `require`. In a bundle, this is the bundle.
  const caller = ofFile?.requireStack?.[0]
  const remedy = PLATFORMS.includes(platform)
    ? `Install that package. It is an optional dependency: npm skips it with --omit=optional, and also if ` +
      `node_modules or the lock file come from another platform. In a bundle or a single executable, the environment ` +
      `variable CAPWASI_ADDON can name the addon.`
    : `Packages exist for ${PLATFORMS.join(', ')}.`
  const message =
    `capwasi has no native addon for ${platform}: found neither ` +
    `${caller === undefined ? file : join(dirname(caller), '..', file)} nor the package @capwasi/${platform}. ` +
    `${remedy} To build the addon from source, run \`npm run build\` in a clone of capwasi; this needs Rust.`
  return withCode('ERR_CAPWASI_NO_ADDON', message, ofPackage ?? ofFile)
}

/** Loads the addon that the environment variable CAPWASI_ADDON names, as for a single executable. */
function loadNamed(file) {
  const path = resolve(file)
  // Workers inherit the variable, and may start in another directory.
  process.env.CAPWASI_ADDON = path
  try {
    return createRequire(path)(path)
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    const message = `The environment variable CAPWASI_ADDON: no such file: '${file}'`
    throw withCode('ERR_CAPWASI_NO_ADDON', message, error)
  }
}

/** Loads the addon beside index.js on a platform without a package. Bundlers cannot follow this call of `require`. */
const loadOther = () => createRequire(__filename)(`../capwasi.${platform}.node`)

/** Returns the exception of a `require` that has found its file, or the error that explains it. */
function explained(error) {
  if (error.name !== 'NotCapable') return error
  const message =
    `Deno does not permit capwasi to load its native addon. Run Deno with --allow-read and --allow-ffi: ` +
    error.message
  return withCode('ERR_CAPWASI_NO_ADDON', message, error)
}

exports.explained = explained
exports.loadNamed = loadNamed
exports.loadOther = loadOther
exports.missing = missing
