'use strict'

// Scans 200 files for CSS classes with Tailwind, in its own thread pool.

const assert = require('node:assert/strict')
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { Scanner } = require(process.argv[2])

const base = mkdtempSync(join(tmpdir(), 'capwasi-'))
try {
  for (let i = 0; i < 200; i++) {
    const directory = join(base, `d${i % 10}`)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${i}.html`), `<div class="p-${i} hover:bg-red-${i} flex">x</div>`)
  }
  const scanner = new Scanner({ sources: [{ base, pattern: '**/*', negated: false }] })
  const found = new Set(scanner.scan())
  for (let i = 0; i < 200; i++) assert(found.has(`p-${i}`) && found.has(`hover:bg-red-${i}`), `class ${i}`)
  assert.equal(scanner.files.length, 200)
  assert(scanner.scanFiles([{ content: '<i class="italic">', extension: 'html' }]).includes('italic'))
  console.log('found')
} finally {
  rmSync(base, { recursive: true })
}
