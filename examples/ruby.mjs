// Runs the Ruby script lines.rb in a sandbox. The guest sees this project's src/ as /src, a writable directory as /out,
// and nothing else.

import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { RubyVM } from '@ruby/wasm-wasi'
import { WASI } from 'capwasi'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const out = path('out')

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
symlinkSync('/etc/passwd', `${out}/escape`) // A link out of the sandbox, for lines.rb to follow.

console.log('Compiling Ruby 3.4 …')
const wasm = createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm')
const module = await WebAssembly.compile(readFileSync(wasm))

const wasi = new WASI({ version: 'preview1', preopens: { '/src': path('../src'), '/out': out } })
const { vm } = await RubyVM.instantiateModule({ module, wasip1: wasi })
vm.eval(readFileSync(path('lines.rb'), 'utf8'))
wasi.close()
