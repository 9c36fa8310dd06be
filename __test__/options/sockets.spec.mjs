// The option `sockets`: listening sockets for guests. Guests run in a worker, their clients in this thread.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { WASI } from 'capwasi'
import { EVENTTYPE, hostFile, rawGuest, tree } from '../support/guest.mjs'
import { serve as serveModule } from '../support/serve.mjs'
import { errnoOf } from '../support/calls.mjs'
import { UNEXPLAINED, knownFailure, onPosix } from '../support/conditions.mjs'

const server = new WebAssembly.Module(readFileSync(new URL('../guests/server.wasm', import.meta.url)))
const hasIpv6 = await new Promise((resolve) => {
  const probe = createServer().on('error', () => resolve(false))
  probe.listen(0, '::1', () => probe.close(() => resolve(true)))
})

/** Runs a scenario of guests/server.wasm in a worker. */
const serve = (t, scenario, options) => serveModule(t, server, { args: ['server', scenario], ...options })

const portOf = (address) => Number(/:(\d+)$/.exec(address)[1])
const hostOf = (address) => /^\[?(.*?)\]?:\d+$/.exec(address)[1]

/** Connects to an address. Ignores errors of the connection after it is established. */
async function connectTo(t, address, options = {}) {
  const socket = connect({ port: portOf(address), host: hostOf(address), ...options })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

/** Returns whether an address refuses connections. */
const isRefused = async (t, address) => {
  const socket = connect(portOf(address), hostOf(address))
  t.teardown(() => socket.destroy())
  const [error] = await once(socket, 'error')
  return error.code === 'ECONNREFUSED'
}

test('a guest with a listening socket serves HTTP requests from Node', async (t) => {
  const { addresses, code } = await serve(t, 'http')
  t.regex(addresses[0], /^127\.0\.0\.1:[1-9]\d*$/)
  const fetchPath = async (path) => {
    const [response] = await once(get(`http://${addresses[0]}${path}`, { agent: new Agent() }), 'response')
    return [response.statusCode, await text(response)]
  }
  t.deepEqual(await fetchPath('/one'), [200, 'you asked for /one'])
  t.deepEqual(await Promise.all([fetchPath('/two'), fetchPath('/three')]), [
    [200, 'you asked for /two'],
    [200, 'you asked for /three'],
  ])
  t.deepEqual(await fetchPath('/last'), [200, 'you asked for /last'])
  t.is(await code, 0)
})

test('a guest that polls several sockets accepts on the one with a pending connection', async (t) => {
  const sockets = ['127.0.0.1:0', hasIpv6 ? '[::1]:0' : '127.0.0.1:0', '127.0.0.1:0']
  const { addresses, code, output } = await serve(t, 'several', { sockets })
  t.is(addresses.length, 3)
  t.is(new Set(addresses).size, 3)
  if (hasIpv6) t.regex(addresses[1], /^\[::1\]:\d+$/)
  while (output.text() === '') await setTimeout(10)
  const texts = []
  for (const index of [2, 0, 1]) texts.push(await text(await connectTo(t, addresses[index])))
  t.deepEqual(texts, ['socket 2', 'socket 0', 'socket 1'])
  t.is(await code, 0)
  t.is(output.text(), 'nobody yet: 0\n')
})

test('a guest can send to a client that has shut down its writing side', async (t) => {
  const {
    addresses: [address],
    code,
    output,
  } = await serve(t, 'half closed')
  const socket = await connectTo(t, address, { allowHalfOpen: true })
  socket.end(Buffer.alloc(1_000_000))
  t.is(await text(socket), '1000000 bytes')
  t.is(await code, 0)
  t.is(output.text(), 'shutdown(fd, SHUT_WR): 0\nsend(fd, "x", 1, 0): EPIPE\nread(fd, buffer, 1): 0\nclose(fd): 0\n')
})

test('after a client disconnects, read returns 0 and write fails with EPIPE or ECONNRESET', async (t) => {
  const {
    addresses: [address],
    code,
    output,
  } = await serve(t, 'closed peer')
  const socket = await connectTo(t, address)
  socket.destroy()
  t.is(await code, 0)
  t.is(
    output.text(),
    [
      'poll(&hang_up, 1, -1): 1',
      'read(fd, buffer, 1): 0',
      'errno == EPIPE || errno == ECONNRESET: yes',
      'read(fd, buffer, 1) <= 0: 1\n',
    ].join('\n'),
  )
})

test('a C guest with sockets opens files of the preopens behind the sockets', async (t) => {
  const { code, output } = await serve(t, 'files', { stdin: 'ignore', preopens: { '/': tree(t, { file: 'found' }) } })
  t.is(await code, 0)
  t.is(
    output.text(),
    `file: "found"
accept(0, NULL, NULL): ENOTSOCK
lseek(3, 0, SEEK_CUR): ESPIPE
fstat(3, &st): 0
getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size): 0
type == SOCK_STREAM: yes
`,
  )
})

test('accept in a C guest waits, or fails with EAGAIN if O_NONBLOCK is set', async (t) => {
  const {
    addresses: [address],
    code,
    output,
  } = await serve(t, 'flags')
  const printed = async (lines) => {
    while (output.text().split('\n').length <= lines) await setTimeout(10)
  }
  await printed(3)
  t.is(await text(await connectTo(t, address)), 'waited')
  await printed(6)
  t.is(await text(await connectTo(t, address)), 'polled')
  t.is(await code, 0)
  t.is(
    output.text(),
    `fcntl(3, F_GETFL) & O_NONBLOCK: yes
accept(3, NULL, NULL): EAGAIN
fcntl(3, F_SETFL, fcntl(3, F_GETFL) & ~O_NONBLOCK): 0
fcntl(fd, F_GETFL) & O_NONBLOCK: no
fcntl(3, F_SETFL, fcntl(3, F_GETFL) | O_NONBLOCK): 0
accept(3, NULL, NULL): EAGAIN
fcntl(fd, F_GETFL) & O_NONBLOCK: yes
read(fd, buffer, 1): EAGAIN
`,
  )
})

test('terminate() ends a worker whose guest waits in accept, and frees its address', async (t) => {
  const {
    worker,
    addresses: [address],
  } = await serve(t, 'http')
  await setTimeout(100)
  await worker.terminate()
  t.true(await isRefused(t, address))
  const wasi = new WASI({ version: 'preview1', sockets: [address] })
  t.deepEqual(wasi.addresses, [address])
  wasi.close()
})

test('close() closes the sockets and keeps the value of `addresses`', async (t) => {
  const { wasi } = rawGuest({ sockets: ['127.0.0.1:0'] })
  const [address] = wasi.addresses
  await connectTo(t, address)
  wasi.close()
  t.true(await isRefused(t, address))
  t.deepEqual(wasi.addresses, [address])
})

test('fd_close closes a listening socket', async (t) => {
  const guest = rawGuest({ sockets: ['127.0.0.1:0'] })
  guest.close(3)
  t.true(await isRefused(t, guest.wasi.addresses[0]))
  t.is(errnoOf(guest, 'sock_accept', 3, 0, 0), 'BADF')
})

test('sockets have lower descriptors than preopens, and LISTEN_FDS is their number', (t) => {
  const guest = rawGuest({ env: { A: '1' }, sockets: ['127.0.0.1:0', '127.0.0.1:0'], preopens: { '/': '.' } })
  t.deepEqual(guest.strings('environ'), ['A=1', 'LISTEN_FDS=2'])
  t.deepEqual(
    [3, 4, 5].map((fd) => guest.fdstat(fd).filetype),
    [6, 6, 3],
  )
  t.is(errnoOf(guest, 'fd_prestat_get', 6, 0), 'BADF')
})

test('LISTEN_FDS in options.env overrides the number of sockets', (t) => {
  const guest = rawGuest({ env: { LISTEN_FDS: '7' }, sockets: ['127.0.0.1:0'] })
  t.deepEqual(guest.strings('environ'), ['LISTEN_FDS=7'])
})

test('without sockets, LISTEN_FDS is not set and `addresses` is empty', (t) => {
  for (const sockets of [undefined, []]) {
    const guest = rawGuest({ sockets })
    t.deepEqual(guest.strings('environ'), [])
    t.deepEqual(guest.wasi.addresses, [])
    t.deepEqual(Object.keys(guest.wasi), ['wasiImport'])
  }
})

test('`addresses` is an accessor of the prototype that works on proxies and subclasses', (t) => {
  const { get: getter, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(WASI.prototype, 'addresses')
  t.deepEqual([getter.name, typeof set, enumerable, configurable], ['get addresses', 'function', false, true])
  const wasi = new (class extends WASI {})({ version: 'preview1', sockets: ['127.0.0.1:0'] })
  t.is(new Proxy(wasi, {}).addresses.length, 1)
  t.not(wasi.addresses, wasi.addresses)
  wasi.close()
})

knownFailure(UNEXPLAINED)(
  'on a socket without a client, sock_accept fails with EAGAIN and sock_recv with ENOTCONN',
  (t) => {
    const guest = rawGuest({ sockets: ['127.0.0.1:0'] })
    t.deepEqual(
      guest
        .poll(
          { userdata: 1n, type: EVENTTYPE.FD_READ, fd: 3 },
          { userdata: 2n, type: EVENTTYPE.CLOCK, id: 1, timeout: 1n },
        )
        .map(({ userdata }) => userdata),
      [2n],
    )
    t.is(guest.fdstat(3).flags, 4)
    t.is(errnoOf(guest, 'sock_accept', 3, 0, 0), 'AGAIN')
    t.true(['NOTCONN', 'PIPE'].includes(errnoOf(guest, 'sock_send', 3, ...guest.iovs('x'), 0, 0)))
    t.is(errnoOf(guest, 'sock_recv', 3, ...guest.iovs(1), 0, 0, 4), 'NOTCONN')
    for (const [name, ...args] of [
      ['fd_seek', 3, 0n, 0, 0],
      ['fd_pread', 3, ...guest.iovs(1), 0n, 0],
      ['fd_readdir', 3, 0, 24, 0n, 64],
      ['path_create_directory', 3, ...guest.put('x')],
    ])
      t.not(errnoOf(guest, name, ...args), 'SUCCESS', name)
  },
)

onPosix('a host socket given as { fd } is duplicated, and works after the host closes the original', async (t) => {
  const host = createServer().listen(0, '127.0.0.1')
  await once(host, 'listening')
  const { port } = host.address()
  const guest = rawGuest({ sockets: [{ fd: host._handle.fd }] })
  t.deepEqual(guest.wasi.addresses, [`127.0.0.1:${port}`])
  host.close()
  // The host has closed its descriptor. The guest still has the duplicate.
  const socket = await connectTo(t, `127.0.0.1:${port}`)
  guest.must('sock_accept', 3, 0, guest.out)
  t.is(guest.write(guest.u32(guest.out), 'hello'), 5)
  guest.wasi.close()
  t.is(await text(socket), 'hello')
  t.true(await isRefused(t, `127.0.0.1:${port}`))
})

onPosix('close() leaves a host socket given as { fd } open', async (t) => {
  const host = createServer((socket) => socket.end('from the host')).listen(0, '127.0.0.1')
  await once(host, 'listening')
  t.teardown(() => host.close())
  const { wasi } = rawGuest({ sockets: [{ fd: host._handle.fd }] })
  wasi.close()
  t.is(await text(await connectTo(t, `127.0.0.1:${host.address().port}`)), 'from the host')
})

const make = (sockets) => () => new WASI({ version: 'preview1', sockets })

test('sockets that are not an array of strings and { fd } throw ERR_INVALID_ARG_TYPE', (t) => {
  const either = 'must be one of type string or object'
  for (const [sockets, message] of [
    [
      '127.0.0.1:0',
      'The "options.sockets" property must be an instance of Array. Received type string (\'127.0.0.1:0\')',
    ],
    [{}, 'The "options.sockets" property must be an instance of Array. Received an instance of Object'],
    [[8080], `The "options.sockets[0]" property ${either}. Received type number (8080)`],
    [['127.0.0.1:0', null], `The "options.sockets[1]" property ${either}. Received null`],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the subject
    [[,], `The "options.sockets[0]" property ${either}. Received undefined`],
    [[[]], `The "options.sockets[0]" property ${either}. Received an instance of Array`],
    [[{}], 'The "options.sockets[0].fd" property must be of type number. Received undefined'],
    [[{ fd: '3' }], 'The "options.sockets[0].fd" property must be of type number. Received type string (\'3\')'],
  ])
    t.throws(make(sockets), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE', message })
})

test('a string that is not an IP address with a port throws ERR_INVALID_ARG_VALUE', (t) => {
  for (const address of [
    '',
    'localhost:80',
    '127.0.0.1',
    '127.0.0.1:',
    ':80',
    '127.0.0.1:65536',
    '::1:80',
    ' 127.0.0.1:80',
    '127.1:80',
  ]) {
    const rule = "The property 'options.sockets[0]' must be an IP address and a port, such as '127.0.0.1:8080'."
    t.throws(make([address]), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: `${rule} Received '${address}'`,
    })
  }
})

test('a negative descriptor of a socket throws ERR_OUT_OF_RANGE', (t) => {
  t.throws(make([{ fd: -1 }]), {
    instanceOf: RangeError,
    code: 'ERR_OUT_OF_RANGE',
    message: 'The value of "options.sockets[0].fd" is out of range. It must be >= 0 && <= 2147483647. Received -1',
  })
})

test('an address that cannot be bound throws an error with the address, and leaves no socket open', async (t) => {
  const host = createServer().listen(0, '127.0.0.1')
  await once(host, 'listening')
  t.teardown(() => host.close())
  const taken = `127.0.0.1:${host.address().port}`
  t.throws(make(['127.0.0.1:0', taken]), {
    code: 'UVWASI_EADDRINUSE',
    message: `UVWASI_EADDRINUSE, uvwasi_init: options.sockets[1]: cannot listen on address '${taken}'`,
  })
  t.throws(make(['192.0.2.1:0']), { code: 'UVWASI_EADDRNOTAVAIL' })
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const address = `127.0.0.1:${free.address().port}`
  await new Promise((resolve) => free.close(resolve))
  t.throws(make([address, taken]), { code: 'UVWASI_EADDRINUSE' })
  t.true(await isRefused(t, address))
})

onPosix('a descriptor that is not a listening TCP socket throws an error with the descriptor', async (t) => {
  const { fd } = hostFile(t)
  t.throws(make([{ fd }]), {
    code: 'UVWASI_ENOTSOCK',
    message: `UVWASI_ENOTSOCK, uvwasi_init: options.sockets[0]: cannot listen on descriptor ${fd}`,
  })
  t.throws(make([{ fd: 1_000_000 }]), { code: 'UVWASI_EBADF' })
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.teardown(() => listening.close())
  const connected = await connectTo(t, `127.0.0.1:${listening.address().port}`)
  t.throws(make([{ fd: connected._handle.fd }]), { code: 'UVWASI_EINVAL' })
  const local = createServer().listen(`${tree(t)}/socket`)
  await once(local, 'listening')
  t.teardown(() => local.close())
  t.throws(make([{ fd: local._handle.fd }]), { code: 'UVWASI_EINVAL' })
})
