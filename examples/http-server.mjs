// Runs an HTTP server as a guest, which gets one listening socket. A guest cannot open connections.

import { once } from 'node:events'
import { spawn } from 'capwasi/process'

const server = spawn(new URL('guests/http.wasm', import.meta.url), [], { sockets: ['127.0.0.1:0'] })
await once(server, 'spawn')

const [address] = server.addresses
for (const path of ['/', '/teapot']) {
  const response = await fetch(`http://${address}${path}`)
  process.stdout.write(await response.text()) // 200 You asked for /
}
server.kill()
