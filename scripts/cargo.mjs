// Options of cargo for the addon, shared by build.mjs (this platform) and platforms/build-all.mjs (all platforms).

import { homedir } from 'node:os'
import { join } from 'node:path'

/** The file name of the built library, by operating system. */
export const LIBRARY = { linux: 'libcapwasi.so', darwin: 'libcapwasi.dylib', win32: 'capwasi.dll' }

/** Without the rlib, which only the tests need, LTO can remove everything that the addon does not export. */
export const ADDON = ['--lib', '--crate-type', 'cdylib']

const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
const flags = JSON.stringify([`--remap-path-prefix=${cargoHome}=cargo`])
/** Release options. Remaps this machine's paths in panic messages. */
export const RELEASE = ['--release', '--config', `target.'cfg(all())'.rustflags=${flags}`]

/** The oldest supported macOS, as in .cargo/config.toml. cargo-zigbuild reads it from its environment only. */
export const OLDEST_MACOS = '11.0'
