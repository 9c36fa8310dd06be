// A worker that never ends by itself: it loads the addon, constructs sandboxes and runs guests in a loop. After its
// termination, each step adds to STEPS_AFTER, so that JavaScript that still runs is detected.

const {
  workerData: { main, shared, guest },
} = require('node:worker_threads')

const [STARTED, TERMINATED, STEPS_AFTER] = [0, 1, 2]
const step = () => {
  if (Atomics.load(shared, TERMINATED)) Atomics.add(shared, STEPS_AFTER, 1)
}
const stepAndReturn = (value) => {
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
const text = (value) => ({ toString: () => stepAndReturn(value) })
const memory = new WebAssembly.Memory({ initial: 1 })

/** Options whose getters and functions run while the options are read, and while the guest runs. */
const options = (version, trace) => ({
  version,
  args: ['guest', text('argument')],
  env: { NAME: text('value') },
  preopens: {
    '/': __dirname,
    '/same': {
      path: __dirname,
      get readonly() {
        return stepAndReturn(true)
      },
    },
  },
  stdin: ['one', 'two'],
  stdout: step,
  stderr: { write: step },
  get clock() {
    return stepAndReturn({ realtime: () => stepAndReturn(5n), monotonic: () => process.hrtime.bigint() })
  },
  random: { seed: 1 },
  limits: { openFiles: 10 },
  trace: trace ? step : undefined,
  get returnOnExit() {
    return stepAndReturn(true)
  },
})
const INVALID_OPTIONS = [
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
for (let round = 0; ; round++) {
  for (const file of Object.keys(require.cache)) delete require.cache[file]
  step()
  const { WASI } = require(main)
  step()
  for (const version of ['preview1', 'unstable', undefined]) {
    attempt(() => {
      const wasi = new WASI(options(version, round % 2 === 1))
      if (version !== 'unstable') wasi.start(new WebAssembly.Instance(guest, wasi.getImportObject()))
      wasi.close()
    })
  }
  for (const invalid of INVALID_OPTIONS) attempt(() => new WASI(invalid))
  attempt(() => new WASI().wasiImport.fd_close(3))
  attempt(() =>
    new WASI({ version: 'preview1' }).start({
      get exports() {
        return stepAndReturn({ memory, _start: step })
      },
    }),
  )
  attempt(() =>
    new WASI({ version: 'preview1', stdout: 'pipe' }).initialize({ exports: { memory, _initialize: step } }),
  )
}
