// Stops a guest that takes too long. The error has the output that the guest wrote before.

import { ProcessError, run } from 'capwasi/process'

const plugin = new URL('guests/plugin.wasm', import.meta.url)

try {
  await run(plugin, ['loop'], { timeout: 1000 })
} catch (error) {
  if (!(error instanceof ProcessError)) throw error
  console.log(error.code, error.message) // ERR_WASI_TIMEOUT plugin.wasm was stopped after its timeout of 1000 ms
  process.stdout.write(error.stdout) // Hello from a plugin
}
