// TypeScript compiled to an ES module.

import capwasi, { WASI, type WASIOptions } from 'capwasi'

const options: WASIOptions = { version: 'unstable', stdin: 0, stdout: 1, stderr: 2 }
const wasi: WASI = new capwasi.WASI(options)
const imports: WebAssembly.Imports = wasi.getImportObject() as WebAssembly.Imports
wasi.finalizeBindings({ exports: {} }, { memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) })
// @ts-expect-error: arguments are strings
const wrong = (): WASI => new WASI({ version: 'preview1', args: [1] })
if (!('wasi_unstable' in imports) || typeof wrong !== 'function') throw new Error('values differ from their types')
console.log('module')
