// Detection of the platform: lib/platform.js, and the shortcut in lib/wasi.js.

import { spawnSync } from 'node:child_process'
import test from 'ava'
import { interpreterOf, platform, usesMusl } from '../../lib/platform.js'
import { onLinux } from '../support/conditions.mjs'

/** An ELF file of two program headers, of which the second names a dynamic linker. */
function elf(interpreter, type = 3) {
  const text = Buffer.from(`${interpreter}\0`)
  const header = Buffer.alloc(64 + 2 * 56)
  header.write('\x7fELF', 'latin1')
  header.writeBigUInt64LE(64n, 32)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(2, 56)
  header.writeUInt32LE(6, 64)
  const second = 64 + 56
  header.writeUInt32LE(type, second)
  header.writeBigUInt64LE(BigInt(header.length), second + 8)
  header.writeBigUInt64LE(BigInt(text.length), second + 32)
  return Buffer.concat([header, text])
}

test('the dynamic linker of an ELF file is read from its program headers', (t) => {
  for (const path of ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-musl-x86_64.so.1']) t.is(interpreterOf(elf(path)), path)
})

test('a file without a dynamic linker has none', (t) => {
  const file = elf('/lib/ld-musl-x86_64.so.1')
  t.is(interpreterOf(elf('/lib/ld-musl-x86_64.so.1', 1)), undefined)
  t.is(interpreterOf(Buffer.from('#!/bin/sh\n')), undefined)
  t.is(interpreterOf(Buffer.alloc(0)), undefined)
  for (let length = 0; length < file.length; length++) t.is(interpreterOf(file.subarray(0, length)), undefined)
})

onLinux('usesMusl agrees with the process report', (t) => {
  t.is(usesMusl(process.execPath), !process.report.getReport().header.glibcVersionRuntime)
  t.is(platform.endsWith('-musl'), usesMusl(process.execPath))
  t.is(usesMusl('/no/such/program'), usesMusl(process.execPath))
})

onLinux('lib/wasi.js looks for the addon of the platform of lib/platform.js, with and without musl', (t) => {
  const script = `
    const fs = require('node:fs')
    const { existsSync } = fs
    const seen = []
    fs.existsSync = (path) => {
      seen.push(path)
      if (!path.includes('ld-musl')) return existsSync(path)
      MODE
    }
    const { platform } = require('./lib/platform.js')
    const { WASI } = require('./lib/wasi.js')
    console.log(WASI.name, platform, seen.some((path) => path.endsWith(\`/capwasi.\${platform}.node\`)))`
  for (const mode of ['return false', 'return true', "throw new Error('hidden')"]) {
    const { stdout } = spawnSync(process.execPath, ['-e', script.replace('MODE', mode)], { encoding: 'utf8' })
    t.is(stdout, `WASI ${platform} true\n`, mode)
  }
})
