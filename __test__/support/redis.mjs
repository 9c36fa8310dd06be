// A Redis server for specs: Debian's redis-server, on a free port.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { tree } from './host.mjs'

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

/** Starts a server that stores nothing on disk and ends after the test. Returns its URL. */
export async function startRedis(t) {
  const port = await freePort()
  const options = { port, bind: '127.0.0.1', dir: tree(t), save: '', 'maxmemory-policy': 'noeviction' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => server.kill('SIGKILL'))
  for await (const line of createInterface(server.stdout)) {
    if (line.includes('Ready to accept connections')) break
  }
  server.stdout.resume()
  return `redis://127.0.0.1:${port}`
}
