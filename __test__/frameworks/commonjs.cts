// TypeScript compiled to CommonJS.

import { WASI, type WASIOptions } from 'capwasi'
import capwasi = require('capwasi')

const options: WASIOptions = {
  version: 'preview1',
  args: ['guest'],
  env: { A: 'b' },
  preopens: { '/': '.' },
  returnOnExit: true,
}
const wasi: WASI = new capwasi.WASI(options)
const memory = new WebAssembly.Memory({ initial: 1 })
const code: number = wasi.start({ exports: { memory, _start() {} } })
wasi.close()
// @ts-expect-error: not a version
const wrong = (): WASI => new WASI({ version: 'preview2' })
if (code !== 0 || wasi instanceof WASI === false || typeof wrong !== 'function')
  throw new Error('values differ from their types')
console.log('CommonJS')
