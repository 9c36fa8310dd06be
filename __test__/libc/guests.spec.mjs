import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

import test from 'ava'

for (const folder of ['__test__/guests', 'examples/guests']) {
  const guests = new URL(`../../${folder}/`, import.meta.url)
  const { sha256 } = JSON.parse(readFileSync(new URL('hashes.json', guests), 'utf8'))
  const files = readdirSync(guests).filter((name) => /\.(c|h|wasm)$/.test(name))

  test(`every guest in ${folder} has a source, a binary and a hash of each`, (t) => {
    t.deepEqual(files.sort(), Object.keys(sha256).sort())
    for (const name of files.filter((name) => name.endsWith('.c'))) t.true(files.includes(name.replace(/c$/, 'wasm')))
  })

  for (const name of files) {
    test(`${folder}/${name} has the hash of the last build`, (t) => {
      const bytes = readFileSync(new URL(name, guests))
      t.is(createHash('sha256').update(bytes).digest('hex'), sha256[name], 'run node __test__/guests/build.mjs')
      if (name.endsWith('.wasm')) t.true(WebAssembly.validate(bytes) && bytes.length < 60_000)
    })
  }
}
