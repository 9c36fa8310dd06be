'use strict'

// Names this platform, as in the names of its addon and its package. Lists the platforms that have a package.

const { readFileSync } = require('node:fs')

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

/** Returns whether this Node uses musl, whose dynamic linker is then mapped into the process. */
function usesMusl() {
  try {
    return /\/ld-musl-|-linux-musl\/libc\.so/.test(readFileSync('/proc/self/maps', 'latin1'))
  } catch {
    return !process.report.getReport().header.glibcVersionRuntime
  }
}

const { platform, arch } = process
const abi = { linux: () => (usesMusl() ? '-musl' : '-gnu'), win32: () => '-msvc' }

exports.platform = `${platform}-${arch}${abi[platform]?.() ?? ''}`
exports.PLATFORMS = PLATFORMS
