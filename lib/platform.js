'use strict'

// The name of this platform, as in the names of its addon and its package.

const { closeSync, existsSync, openSync, readSync } = require('node:fs')

/** The platforms that have a package. */
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

/** The path of musl's dynamic linker, by processor. glibc and musl can be installed beside each other. */
const MUSL_LINKERS = { __proto__: null, x64: '/lib/ld-musl-x86_64.so.1', arm64: '/lib/ld-musl-aarch64.so.1' }

/** Bytes of an ELF file that hold its program headers and the path of its dynamic linker. */
const HEADER_BYTES = 2048

/** The type of the program header that points at the path of the dynamic linker. */
const PT_INTERP = 3

/** Returns the path of the dynamic linker that a 64-bit little-endian ELF file names; undefined if there is none. */
function interpreterOf(elf) {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46) return undefined
  const [start, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  for (let at = start, index = 0; index < count && at + 56 <= elf.length; at += size, index++) {
    if (elf.readUInt32LE(at) !== PT_INTERP) continue
    const [offset, length] = [Number(elf.readBigUInt64LE(at + 8)), Number(elf.readBigUInt64LE(at + 32))]
    return offset + length <= elf.length ? elf.latin1Slice(offset, offset + length - 1) : undefined
  }
  return undefined
}

/** Reads the first bytes of a file; undefined if the file cannot be read. */
function headerOf(file) {
  let fd
  try {
    fd = openSync(file)
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    return header.subarray(0, readSync(fd, header, 0, HEADER_BYTES, 0))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * Returns whether the program of this process uses musl. Uses the process report only if the file names no linker,
 * because the report takes milliseconds.
 */
function usesMusl(program) {
  const header = headerOf(program)
  const interpreter = header && interpreterOf(header)
  if (interpreter) return /\/ld-musl-[^/]*$/.test(interpreter)
  try {
    return !process.report.getReport().header.glibcVersionRuntime
  } catch {
    return false // Deno without permissions, which needs glibc.
  }
}

/** Returns whether musl is not installed. Returns false if the runtime's permissions forbid the check. */
function lacksMusl() {
  const linker = MUSL_LINKERS[process.arch]
  try {
    return linker !== undefined && !existsSync(linker)
  } catch {
    return false
  }
}

function abi() {
  if (process.platform === 'win32') return '-msvc'
  if (process.platform !== 'linux') return ''
  return !lacksMusl() && usesMusl(process.execPath) ? '-musl' : '-gnu'
}

exports.PLATFORMS = PLATFORMS
exports.interpreterOf = interpreterOf
exports.platform = `${process.platform}-${process.arch}${abi()}`
exports.usesMusl = usesMusl
