// A worker that never ends by itself: it loads the addon, makes sandboxes and runs guests, again and again. Each step
// counts itself while `struck` is set, so that a worker that runs on after its end can be seen.

const {
  workerData: { main, shared, guest },
} = require('node:worker_threads')

const [STARTED, STRUCK, RAN_ON] = [0, 1, 2]
const step = () => {
  if (Atomics.load(shared, STRUCK)) Atomics.add(shared, RAN_ON, 1)
}
const stepTo = (value) => {
  step()
  return value
}
const attempt = (action) => {
  step()
  try {
    action()
  } catch {}
  step()
}
const text = (value) => ({ toString: () => stepTo(value) })
const memory = new WebAssembly.Memory({ initial: 1 })

/** Options that JavaScript is called for while they are read, and while the guest runs. */
const options = (version, trace) => ({
  version,
  args: ['guest', text('argument')],
  env: { NAME: text('value') },
  preopens: {
    '/': __dirname,
    '/same': {
      path: __dirname,
      get readonly() {
        return stepTo(true)
      },
    },
  },
  stdin: ['one', 'two'],
  stdout: step,
  stderr: { write: step },
  get clock() {
    return stepTo({ realtime: () => stepTo(5n), monotonic: () => process.hrtime.bigint() })
  },
  random: { seed: 1 },
  limits: { openFiles: 10 },
  trace: trace ? step : undefined,
  get returnOnExit() {
    return stepTo(true)
  },
})
const REFUSED = [
  { version: 3 },
  { args: 1 },
  { args: [Object.create(null)] },
  { env: { NAME: Symbol('text') } },
  { preopens: { '/': text('./missing') } },
  { preopens: { '/': { path: '/', other: 1 } } },
  { stdin: 1.5 },
  { stdout: {} },
  { sockets: 1 },
  { random: { seed: -1 } },
  { limits: { other: 1 } },
]

Atomics.store(shared, STARTED, 1)
Atomics.notify(shared, STARTED)
for (let turn = 0; ; turn++) {
  for (const file of Object.keys(require.cache)) delete require.cache[file]
  step()
  const { WASI } = require(main)
  step()
  for (const version of ['preview1', 'unstable', undefined]) {
    attempt(() => {
      const wasi = new WASI(options(version, turn % 2 === 1))
      if (version !== 'unstable') wasi.start(new WebAssembly.Instance(guest, wasi.getImportObject()))
      wasi.close()
    })
  }
  for (const refused of REFUSED) attempt(() => new WASI(refused))
  attempt(() => new WASI().wasiImport.fd_close(3))
  attempt(() =>
    new WASI({ version: 'preview1' }).start({
      get exports() {
        return stepTo({ memory, _start: step })
      },
    }),
  )
  attempt(() =>
    new WASI({ version: 'preview1', stdout: 'pipe' }).initialize({ exports: { memory, _initialize: step } }),
  )
}
