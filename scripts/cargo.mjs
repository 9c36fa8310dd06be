// How cargo compiles the addon, for this platform (build.mjs) or another one (build-all.mjs).

import { homedir } from 'node:os'
import { join } from 'node:path'

/** What cargo names the library that it builds for an operating system. */
export const LIBRARY = { linux: 'libcapwasi.so', darwin: 'libcapwasi.dylib', win32: 'capwasi.dll' }

// Without the rlib, which the tests link to, the optimiser may drop all that the addon does not export.
export const ADDON = ['--lib', '--crate-type', 'cdylib']

/** Optimised, and with no path of this machine in what a panic says. */
const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
const flags = JSON.stringify([`--remap-path-prefix=${cargoHome}=cargo`])
export const RELEASE = ['--release', '--config', `target.'cfg(all())'.rustflags=${flags}`]

/** The macOS that .cargo/config.toml asks for; cargo-zigbuild looks for it in its own environment only. */
export const OLDEST_MACOS = '11.0'
