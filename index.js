'use strict'

const { WASI, directoryClass } = require('./lib/wasi.js')

exports.WASI = WASI
// Loads the class when a program uses it.
Object.defineProperty(exports, 'Directory', { enumerable: true, get: directoryClass })
