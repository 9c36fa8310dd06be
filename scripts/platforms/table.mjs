// The platforms that have a package. A release builds each of them on its own runner (.github/workflows/release.yml).
// `npm run build:all` cross-compiles all of them on Linux.

import { PLATFORMS } from '../../lib/platform.js'

/** The Rust target of each platform. `fromLinux` is the target for cross-compiling, if it differs. */
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
  return { name, os, cpu, libc, triple, fromLinux, package: `@capwasi/${name}`, file: `capwasi.${name}.node` }
})

/** Returns the platforms with these names, or all platforms if there are no names. */
export function selectPlatforms(names) {
  const unknown = names.find((name) => !PLATFORMS.includes(name))
  if (unknown) throw new Error(`unknown platform: ${unknown}. Known platforms: ${PLATFORMS.join(', ')}`)
  return platforms.filter(({ name }) => names.length === 0 || names.includes(name))
}
