// Specs that cannot pass where test-platforms.mjs runs them, by platform and by what is in the way there.

const QEMU = {
  // It keeps what a process has mapped and given back, which is counted as its memory.
  'qemu keeps memory': [
    'attacks › memory › preview1: every parameter at every hostile value is answered, and a call that fails writes nothing',
    'attacks › memory › unstable: every parameter at every hostile value is answered, and a call that fails writes nothing',
  ],
}

/** Those that have to fail, while all others have to pass. */
export const OBSTACLES = {
  'linux-arm64-gnu': QEMU,
  'linux-arm64-musl': QEMU,
}

/**
 * Compiling 31 MB with the optimising compiler, and 100,000 sandboxes: hours, where an emulator does it. And as qemu keeps
 * memory, it has none left after 3,000 of WebAssembly's.
 */
const TOO_MUCH = [
  'a compilation that takes long is told at a terminal, and untold',
  'where there is no terminal, nothing is told',
  '100,000 sandboxes that nobody closes keep few descriptors open and little memory',
  'thousands of exits leave nothing behind',
]

/** Those that are left out, by their own titles. */
export const LEFT_OUT = {
  'linux-arm64-gnu': TOO_MUCH,
  'linux-arm64-musl': TOO_MUCH,
}
