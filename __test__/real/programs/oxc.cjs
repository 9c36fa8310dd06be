'use strict'

// Parses JavaScript and TypeScript, synchronously and asynchronously in threads.

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { parse, parseSync } = require(process.argv[2])

async function main() {
  const whole = parseSync('self.cjs', readFileSync(__filename, 'utf8'))
  assert.equal(whole.errors.length, 0)
  assert.equal(JSON.parse(whole.program).node.body[0].directive, 'use strict')
  assert(parseSync('wrong.js', 'let = = ;').errors.length > 0)
  const sources = Array.from(
    { length: 20 },
    (_, i) => `const x${i}: number = ${i}; export default () => <a b={x${i}}/>`,
  )
  const parsed = await Promise.all(sources.map((source, i) => parse(`f${i}.tsx`, source)))
  for (const [i, { errors, program }] of parsed.entries()) {
    assert.equal(errors.length, 0)
    assert.equal(JSON.parse(program).node.body[0].declarations[0].id.name, `x${i}`)
  }
  console.log('parsed')
}

main()
