'use strict'

// Checks for the tests of every framework. Each runs a guest in a new directory.

const assert = require('node:assert/strict')
const { closeSync, mkdtempSync, openSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const modules = {}

/** Runs a scenario of a guest. Returns its exit code and output. */
exports.run = (WASI, guest, ...args) => {
  modules[guest] ??= new WebAssembly.Module(readFileSync(join(__dirname, `${guest}.wasm`)))
  const directory = mkdtempSync(join(tmpdir(), 'capwasi-'))
  const stdout = openSync(join(directory, 'stdout'), 'w+')
  try {
    const wasi = new WASI({ version: 'preview1', args: [guest, ...args], preopens: { '/': directory }, stdout })
    const code = wasi.start(new WebAssembly.Instance(modules[guest], wasi.getImportObject()))
    return { code, stdout: readFileSync(join(directory, 'stdout'), 'utf8') }
  } finally {
    closeSync(stdout)
    rmSync(directory, { recursive: true })
  }
}

/** The checks. Each runs a guest, and throws if the result is not as expected. */
exports.checks = {
  exits(WASI) {
    assert.deepEqual(exports.run(WASI, 'exits', 'exit', '3'), { code: 3, stdout: 'exit 3\nat exit\n' })
  },
  files(WASI) {
    const { code, stdout } = exports.run(WASI, 'files', 'unlinked')
    assert.equal(code, 0)
    assert.match(stdout, /^write\(fd, "!", 1\): 1\npread\(fd, buffer, sizeof buffer, 0\): "still here!"$/m)
  },
  sleeps(WASI) {
    const { code, stdout } = exports.run(WASI, 'poll', 'clocks')
    assert.equal(code, 0)
    assert.match(stdout, /^30 ms: ok$/m)
  },
  isToldOfMisspeltOptions(WASI) {
    assert.throws(() => new WASI({ version: 'preview1', limits: { openfile: 1 } }), /Did you mean 'openFiles'/)
    const { Directory } = require('capwasi')
    assert.throws(() => Directory.memory({}, { maxByte: 1 }), /Did you mean 'maxBytes'/)
  },
}
