'use strict'

module.exports = require('./lib/wasi.js')
