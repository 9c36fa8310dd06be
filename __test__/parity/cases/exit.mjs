// Exit codes, traps and exceptions.

import { command, instantiate } from '../../support/guest.mjs'

const memory = new WebAssembly.Memory({ initial: 1 })

export default async function ({ newWasi, outcome, script }) {
  const rows = {}
  for (const code of [0, 1, 42, 255, 256, 65_536, -1, 2_147_483_647, -2_147_483_648]) {
    const wasi = newWasi()
    rows[`proc_exit(${code}) called by wasm`] = wasi.start(
      instantiate(wasi, command(`(call $proc_exit (i32.const ${code}))`)),
    )
  }
  for (const code of [0, 7, -1, 1.5, '7', null, undefined, true]) {
    const wasi = newWasi()
    const _start = () => wasi.wasiImport.proc_exit(code)
    rows[`proc_exit(${typeof code} ${code}) called by JavaScript`] = [wasi.start({ exports: { memory, _start } })]
  }
  for (const start of [
    'unreachable',
    '(drop (i32.div_s (i32.const 1) (i32.const 0)))',
    '(drop (i32.load (i32.const -1)))',
    '(nop)',
  ]) {
    const wasi = newWasi()
    const { threw, code, message } = outcome(() => ({ message: wasi.start(instantiate(wasi, command(start))) }))
    rows[start] = { threw, code, message }
  }
  for (const value of [undefined, null, 5, 'text', Symbol('own'), new RangeError('own')]) {
    const wasi = newWasi()
    rows[`throwing ${String(value)}`] = outcome(() =>
      wasi.start({
        exports: {
          memory,
          _start() {
            throw value
          },
        },
      }),
    ).threw
  }

  const [one, other] = [newWasi(), newWasi()]
  rows['proc_exit of another sandbox'] = [
    one.start({ exports: { memory, _start: () => other.wasiImport.proc_exit(5) } }),
    other.start({ exports: { memory, _start() {} } }),
  ]
  const early = newWasi()
  outcome(() => early.wasiImport.proc_exit(9))
  rows['proc_exit before start()'] = early.start({ exports: { memory, _start() {} } })
  const catching = newWasi()
  const catchExit = () => {
    try {
      catching.wasiImport.proc_exit(3)
    } catch {}
  }
  rows['proc_exit whose exception is caught'] = catching.start({ exports: { memory, _start: catchExit } })
  rows['results of start() and initialize()'] = [
    newWasi().start({ exports: { memory, _start: () => 5 } }),
    String(newWasi().initialize({ exports: { memory, _initialize: () => 5 } })),
  ]

  for (const code of [0, 7, 255, 256, 300]) {
    rows[`process status of proc_exit(${code})`] = await script(`
      const wasi = new WASI({ version: 'preview1', returnOnExit: false })
      const memory = new WebAssembly.Memory({ initial: 1 })
      wasi.start({ exports: { memory, _start: () => wasi.wasiImport.proc_exit(${code}) } })`)
  }
  rows['process status of proc_exit with wrong arguments'] = await script(`
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
    console.log(wasi.wasiImport.proc_exit(), wasi.wasiImport.proc_exit('1'), wasi.wasiImport.proc_exit(1, 2))`)
  return rows
}
