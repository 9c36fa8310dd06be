// Checks a binary without running it: format, exports, size, and the libraries it needs on its platform.
// LLVM's readobj reads all three formats. rustup (`rustup component add llvm-tools`) and every LLVM provide it.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OLDEST_MACOS } from '../cargo.mjs'
import { root } from '../ready.mjs'

const MAX_BYTES = 1.5 * 1024 * 1024
const MAX_GLIBC_MINOR = 28 // glibc 2.28: Debian 10, RHEL 8

const FORMAT = {
  linux: { x64: 'elf64-x86-64', arm64: 'elf64-littleaarch64' },
  darwin: { x64: 'Mach-O 64-bit x86-64', arm64: 'Mach-O arm64' },
  win32: { x64: 'COFF-x86-64', arm64: 'COFF-ARM64' },
}

/** The libraries that every installation of a system has. */
const LIBRARIES = {
  glibc: /^(libc\.so\.6|libdl\.so\.2|libm\.so\.6|libpthread\.so\.0|libgcc_s\.so\.1|ld-linux-.*)$/,
  musl: /^libc\.so$|^libc\.musl-.*\.so\.1$/,
  darwin: /^\/usr\/lib\/lib(System\.B|iconv\.2|charset\.1)\.dylib$|^@rpath\/capwasi\.node$/,
  win32: /^(kernel32|ntdll|bcryptprimitives|userenv|ws2_32|api-ms-win-.*)\.dll$/i,
}

/** The symbol that Node calls. Mach-O prefixes it with an underscore. */
const REGISTRATION = /^ *Name: _?napi_register_module_v1\b/m

const sysroot = () => spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim()

/** Returns the output of llvm-readobj for a file. */
function readobj(path) {
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
  throw new Error('llvm-readobj is missing: run `rustup component add llvm-tools`, or install the package llvm')
}

/** Returns the problems of a platform's binary as texts. An empty array means that the binary is good. */
export function binaryProblems({ os, cpu, libc }, path) {
  const text = readobj(path)
  const problems = []
  const check = (good, problem) => good || problems.push(problem)

  const { size } = statSync(path)
  check(size < MAX_BYTES, `it has ${size} bytes; the limit is 1.5 MiB`)
  const format = /^Format: (.*)$/m.exec(text)?.[1]
  check(format === FORMAT[os][cpu], `its format is ${format}; expected ${FORMAT[os][cpu]}`)
  check(REGISTRATION.test(text), 'it does not export napi_register_module_v1')

  const [, needed] = /^NeededLibraries \[\n([^\]]*)\]/m.exec(text)
  for (const library of needed
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)) {
    check(LIBRARIES[libc ?? os].test(library), `it needs the library ${library}`)
  }

  const minors = [...text.matchAll(/@GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  if (libc === 'glibc') check(Math.max(...minors) <= MAX_GLIBC_MINOR, `it needs glibc 2.${Math.max(...minors)}`)
  if (libc === 'musl') check(minors.length === 0, 'it needs symbols of glibc')
  if (os === 'darwin') {
    const oldest = /MinVersion \{[^}]*?Version: (\S+)/.exec(text)?.[1]
    check(oldest === OLDEST_MACOS, `it needs macOS ${oldest}; expected ${OLDEST_MACOS}`)
  }
  return problems
}
