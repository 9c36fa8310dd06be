'use strict'

// Preloaded by test-platforms.mjs. This Node runs under an emulator or a dynamic linker, and was started by a script.
// Programs that start `process.execPath` must start that script.

process.execPath = process.env.CAPWASI_NODE
