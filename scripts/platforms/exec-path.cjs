'use strict'

// Preloaded by test-platforms.mjs. A script starts this Node under an emulator or a dynamic linker. Programs that start
// `process.execPath` have to start the script too.

process.execPath = process.env.CAPWASI_NODE
