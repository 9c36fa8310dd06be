'use strict'

exports.WASI = require('./lib/wasi.js').WASI
