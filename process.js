'use strict'

module.exports = require('./lib/process.js')
