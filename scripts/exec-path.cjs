'use strict'

// For a Node that starts through a script (test-platforms.mjs), where the program that runs is an emulator or a dynamic
// linker: what starts another Node is to start that script.

process.execPath = process.env.CAPWASI_NODE
