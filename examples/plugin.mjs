// Runs untrusted plugins, with no directory, no environment variable and no socket, and with limits for the rest.

import { run } from 'capwasi/process'

const plugin = new URL('guests/plugin.wasm', import.meta.url)
const MIB = 2 ** 20
const options = {
  timeout: 60_000,
  limits: { memory: 32 * MIB, cpuTime: 500, output: 64 * 1024, threads: 0 },
  reject: false,
}

for (const attempt of ['greet', 'spy', 'hoard', 'flood', 'loop', 'crash']) {
  const { exitCode, exceeded, trap, stdout, stderr } = await run(plugin, [attempt], options)
  console.log(`${attempt}: exit code ${exitCode}, ${stdout.length} bytes of output`)
  if (exceeded !== undefined) console.log(`  exceeded limits.${exceeded}`)
  if (trap !== undefined) console.log(`  trap: ${trap.message}`)
  if (stderr !== '') console.log(`  ${stderr.trim()}`)
}
