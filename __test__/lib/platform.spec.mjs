// lib/platform.js and the same in lib/wasi.js: which platform this is.

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

onLinux('usesMusl reads the program file if the dynamic linker of musl exists or is hidden', (t) => {
  const script = `
    const fs = require('node:fs')
    const { existsSync } = fs
    let seen = false
    fs.existsSync = (path) => {
      if (!path.includes('ld-musl')) return existsSync(path)
      seen = true
      ${'MODE'}
    }
    console.log(require('./lib/wasi.js').WASI.name, seen)`
  for (const mode of ['return true', "throw new Error('hidden')"]) {
    const { stdout } = spawnSync(process.execPath, ['-e', script.replace('MODE', mode)], { encoding: 'utf8' })
    if (['x64', 'arm64'].includes(process.arch)) t.is(stdout, 'WASI true\n')
  }
  t.pass()
})
