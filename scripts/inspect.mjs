// What a binary is, seen from outside: whether it will load on its platform, wherever it was built. LLVM's readobj
// reads all three formats; rustup has it (`rustup component add llvm-tools`), and so has every LLVM.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OLDEST_MACOS } from './cargo.mjs'
import { root } from './ready.mjs'

const LIMIT = 1024 * 1024
const OLDEST_GLIBC = 28 // 2.28: Debian 10, RHEL 8

const MACHINE = {
  linux: { x64: 'elf64-x86-64', arm64: 'elf64-littleaarch64' },
  darwin: { x64: 'Mach-O 64-bit x86-64', arm64: 'Mach-O arm64' },
  win32: { x64: 'COFF-x86-64', arm64: 'COFF-ARM64' },
}

/** The libraries that every system of a kind has. */
const LIBRARIES = {
  glibc: /^(libc\.so\.6|libdl\.so\.2|libm\.so\.6|libpthread\.so\.0|libgcc_s\.so\.1|ld-linux-.*)$/,
  musl: /^libc\.so$|^libc\.musl-.*\.so\.1$/,
  darwin: /^\/usr\/lib\/lib(System\.B|iconv\.2|charset\.1)\.dylib$|^@rpath\/capwasi\.node$/,
  win32: /^(kernel32|ntdll|bcryptprimitives|userenv|ws2_32|api-ms-win-.*)\.dll$/i,
}

/** The symbol that Node calls; Mach-O puts an underscore before it. */
const REGISTRATION = /^ *Name: _?napi_register_module_v1\b/m

const sysroot = () => spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim()

/** What readobj has to say of a file. */
function read(path) {
  const options = [
    '--file-header',
    '--needed-libs',
    '--dyn-symbols',
    '--symbols',
    '--macho-version-min',
    '--coff-exports',
    path,
  ]
  const rustlib = join(sysroot() || root, 'lib/rustlib')
  const shipped = existsSync(rustlib) ? readdirSync(rustlib).map((host) => join(rustlib, host, 'bin/llvm-readobj')) : []
  for (const tool of [...shipped, 'llvm-readobj']) {
    const { status, stdout } = spawnSync(tool, options, { encoding: 'utf8', maxBuffer: 2 ** 28 })
    if (status === 0) return stdout
  }
  throw new Error('llvm-readobj is missing: `rustup component add llvm-tools`, or the package llvm')
}

/** What is wrong with the binary of a platform at a path: nothing, as it should be. */
export function faults({ os, cpu, libc }, path) {
  const text = read(path)
  const faults = []
  const check = (fine, fault) => fine || faults.push(fault)

  const { size } = statSync(path)
  check(size < LIMIT, `it has ${size} bytes, more than 1 MiB`)
  const format = /^Format: (.*)$/m.exec(text)?.[1]
  check(format === MACHINE[os][cpu], `it is ${format}`)
  check(REGISTRATION.test(text), 'it does not export napi_register_module_v1')

  const [, needed] = /^NeededLibraries \[\n([^\]]*)\]/m.exec(text)
  for (const library of needed
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)) {
    check(LIBRARIES[libc ?? os].test(library), `it needs ${library}`)
  }

  const glibc = [...text.matchAll(/@GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  if (libc === 'glibc') check(Math.max(...glibc) <= OLDEST_GLIBC, `it needs glibc 2.${Math.max(...glibc)}`)
  if (libc === 'musl') check(glibc.length === 0, 'it has symbols of glibc')
  if (os === 'darwin') {
    const oldest = /MinVersion \{[^}]*?Version: (\S+)/.exec(text)?.[1]
    check(oldest === OLDEST_MACOS, `it needs macOS ${oldest}`)
  }
  return faults
}
