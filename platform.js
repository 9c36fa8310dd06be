'use strict'

// The name of this platform, as its addon and its package bear it: linux-x64-gnu, darwin-arm64, win32-x64-msvc …

const { readFileSync } = require('node:fs')

function usesMusl() {
  try {
    return readFileSync('/usr/bin/ldd', 'utf8').includes('musl')
  } catch {
    process.report.excludeNetwork = true
    return !process.report.getReport().header.glibcVersionRuntime
  }
}

const { platform, arch } = process
const abi = { linux: () => (usesMusl() ? '-musl' : '-gnu'), win32: () => '-msvc' }

module.exports = `${platform}-${arch}${abi[platform]?.() ?? ''}`
