'use strict'

// Runs under Node's permission model. The argument is the expected outcome: `allowed`, or the code of the error.

const assert = require('node:assert/strict')

let outcome = 'allowed'
try {
  const { WASI } = require('capwasi')
  new WASI({ version: 'preview1' })
} catch (error) {
  outcome = error.code
}
assert.equal(outcome, process.argv[2])
console.log(outcome)
