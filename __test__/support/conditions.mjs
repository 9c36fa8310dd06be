// Variants of ava's `test` for specs that cannot run, or cannot pass, everywhere.

import test from 'ava'
import { BACKENDS } from './backends.cjs'
import { linux, posix } from './platform.mjs'

export const onPosix = posix ? test : test.skip
export const onLinux = linux ? test : test.skip

/** Specs of guests that are suspended while they wait need JSPI: `npm test` runs them on Node 24. */
const canSuspend = typeof WebAssembly.Suspending === 'function'
export const onSuspending = canSuspend ? test : test.skip
export const onBlocking = canSuspend ? test.skip : test

/** Binaries that compile only on an engine with a feature of WebAssembly. */
const WASM_FEATURES = {
  'multi-memory': [5, 5, 2, 0, 0, 0, 0],
  memory64: [5, 3, 1, 4, 0],
  'table initializers': [4, 9, 1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b],
  structures: [1, 3, 1, 0x5f, 0],
}

/** Skips a spec on engines without a feature. */
export const onWasm = (feature, on = test) => {
  const binary = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...WASM_FEATURES[feature]])
  return WebAssembly.validate(binary) ? on : (title, run) => test.skip(`${title} (this engine has no ${feature})`, run)
}

/** The emulator that runs the specs, `qemu` or `wine`: set by scripts/platforms/test-platforms.mjs. */
const emulator = process.env.CAPWASI_EMULATOR

/**
 * Marks a spec that fails on an emulator. `reasons` has a text for each emulator that it fails on. There ava expects
 * the failure, and reports a spec that passes.
 */
export function knownFailure(reasons, on = test) {
  const reason = reasons[emulator]
  return reason ? (title, run) => on.failing(`${title} (known failure on ${emulator}: ${reason})`, run) : on
}

/** Skips a spec on the emulators that `reasons` has a text for, such as specs that would take hours there. */
export function skippedOn(reasons, on = test) {
  const reason = reasons[emulator]
  return reason ? (title, run) => test.skip(`${title} (skipped on ${emulator}: ${reason})`, run) : on
}

/** Marks a spec that takes seconds of processor time. It runs with CAPWASI_SLOW=1, which `npm test` sets. */
export function slow(on = test) {
  return process.env.CAPWASI_SLOW === '1' ? on : (title, run) => test.skip(`${title} (slow: run by npm test)`, run)
}

/**
 * Registers a spec for each backend of a `Directory`, with `others` for all but the host. `t.context.backend` is the
 * backend of `prints`.
 */
export const onBackends =
  (on = test, others = on) =>
  (title, run) => {
    for (const backend of BACKENDS) {
      const register = backend === 'host' ? on : others
      register(backend === 'host' ? title : `${title} (${backend})`, (t) => {
        t.context.backend = backend
        return run(t, backend)
      })
    }
  }

// Reasons that several specs share.

export const NO_SYMLINKS = { wine: 'wine 8 creates no symbolic links, but reports success' }
export const COARSE_TIMES = { wine: 'Windows counts times in steps of 100 ns' }
/**
 * Windows cannot move an open directory, resolves `..` as text, and adds variables to an environment. Names are UTF-16,
 * arguments have at most 32 KiB, and some errors differ.
 */
export const OTHER_SEMANTICS = { wine: 'Windows behaves differently' }
export const UNEXPLAINED = { wine: 'not explained yet' }
export const TOO_SLOW = { qemu: 'takes hours' }
