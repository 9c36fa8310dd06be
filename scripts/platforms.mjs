// The platforms that have a package: the one table of them. Each is built on a machine of its own when released
// (.github/workflows/release.yml), and all from Linux by `npm run build:all`.

import { PLATFORMS } from '../platform.js'

/** The targets by platform; where Linux builds for another one, that is `fromLinux`. */
const TARGETS = {
  'linux-x64-gnu': { triple: 'x86_64-unknown-linux-gnu', fromLinux: 'x86_64-unknown-linux-gnu.2.28' },
  'linux-x64-musl': { triple: 'x86_64-unknown-linux-musl' },
  'linux-arm64-gnu': { triple: 'aarch64-unknown-linux-gnu', fromLinux: 'aarch64-unknown-linux-gnu.2.28' },
  'linux-arm64-musl': { triple: 'aarch64-unknown-linux-musl' },
  'darwin-x64': { triple: 'x86_64-apple-darwin' },
  'darwin-arm64': { triple: 'aarch64-apple-darwin' },
  'win32-x64-msvc': { triple: 'x86_64-pc-windows-msvc', fromLinux: 'x86_64-pc-windows-gnullvm' },
  'win32-arm64-msvc': { triple: 'aarch64-pc-windows-msvc', fromLinux: 'aarch64-pc-windows-gnullvm' },
}

export const platforms = PLATFORMS.map((name) => {
  const [os, cpu, abi] = name.split('-')
  const { triple, fromLinux = triple } = TARGETS[name]
  const libc = { gnu: 'glibc', musl: 'musl' }[abi]
  return { name, os, cpu, libc, triple, fromLinux, package: `capwasi-${name}`, file: `capwasi.${name}.node` }
})

/** The platforms named, or all if none is. */
export function chosen(names) {
  const unknown = names.find((name) => !PLATFORMS.includes(name))
  if (unknown) throw new Error(`no platform ${unknown}: there are ${PLATFORMS.join(', ')}`)
  return platforms.filter(({ name }) => names.length === 0 || names.includes(name))
}
