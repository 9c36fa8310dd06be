// sock_*, on TCP sockets that a process of its own hands to its guest as stdio.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import { TIMEOUT_MS, hostFile, root } from '../support/guest.mjs'
import { BAD_POINTER, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { onPosix } from '../support/conditions.mjs'

/**
 * Runs a script that has a `guest` and helpers, and says what it finds with `say`: whatever it has said when it
 * ends, as an array. With `listening` descriptor 0 of the guest is a socket that listens, and the peer a
 * connection to it; else it is a connection to the peer. `talk` is what the peer does.
 */
async function run(t, { listening = false, script, talk }) {
  const prologue = `
    import { once } from 'node:events'
    import { writeSync } from 'node:fs'
    import { createServer } from 'node:net'
    import { EVENTTYPE, errnoName, rawGuest } from './__test__/support/guest.mjs'
    import { errnoOf } from './__test__/support/calls.mjs'
    const say = (...words) => writeSync(2, JSON.stringify(words) + '\\n')
    let stdin = 0
    if (${listening}) {
      // From here on nothing runs but the guest, so that nobody else accepts.
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      stdin = server._handle.fd
      writeSync(1, server.address().port + '\\n')
    }
    const guest = rawGuest({ stdin, preopens: { '/': '.' } })
    const call = (name, ...args) => errnoOf(guest, name, ...args)
    /** sock_recv into buffers of these sizes: the errno, or what came and the flags. */
    const recv = (fd, flags, ...sizes) => {
      guest.reset()
      const iovs = guest.iovs(...sizes)
      const errno = call('sock_recv', fd, ...iovs, flags, 0, 4)
      return errno === 'SUCCESS' ? [guest.gather(iovs, guest.u32(0)), guest.u16(4)] : errno
    }
    /** sock_send: the errno, or how many bytes went. */
    const send = (fd, ...texts) => {
      guest.reset()
      const errno = call('sock_send', fd, ...guest.iovs(...texts), 0, 0)
      return errno === 'SUCCESS' ? guest.u32(0) : errno
    }
    const accept = (flags = 0) => {
      const errno = call('sock_accept', 0, flags, 0)
      return errno === 'SUCCESS' ? guest.u32(0) : errno
    }
    const events = (...subscriptions) => guest.poll(...subscriptions).map(({ userdata, error, nbytes, flags }) =>
      [Number(userdata), error, Number(nbytes), flags])
    const reading = (userdata, fd) => ({ userdata, type: EVENTTYPE.FD_READ, fd })
    const writing = (userdata, fd) => ({ userdata, type: EVENTTYPE.FD_WRITE, fd })
    const timer = (userdata, ms) => ({ userdata, type: EVENTTYPE.CLOCK, id: 1, timeout: BigInt(ms) * 1_000_000n })
  `
  const start = (stdin) => {
    const argv = ['--no-warnings', '--input-type=module', '--eval', `${prologue}${script}\nprocess.exit()`]
    const child = spawn(process.execPath, argv, { cwd: root, stdio: [stdin, 'pipe', 'pipe'], timeout: TIMEOUT_MS })
    t.teardown(() => child.kill())
    return child
  }
  let child
  let peer
  if (listening) {
    child = start('ignore')
    const [port] = await once(child.stdout, 'data')
    peer = connect(Number(port), '127.0.0.1')
    await once(peer, 'connect')
  } else {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    peer = connect(server.address().port, '127.0.0.1')
    const [socket] = await once(server, 'connection')
    server.close()
    child = start(socket)
    // The child has a descriptor of its own now.
    socket.destroy()
  }
  peer.on('error', () => {})
  t.teardown(() => peer.destroy())
  const [talked, [code], lines] = await Promise.all([talk?.(peer), once(child, 'exit'), text(child.stderr)])
  t.is(code, 0, lines)
  return {
    said: lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    talked,
  }
}

/** The peer hears this much before it goes on. */
async function hears(peer, length) {
  let heard = ''
  while (heard.length < length) {
    const chunk = peer.read()
    if (chunk === null) await once(peer, 'readable')
    else heard += chunk
  }
  return heard
}

onPosix('a connection is accepted, received from, sent to, shut down and closed', async (t) => {
  const { said, talked } = await run(t, {
    listening: true,
    script: `
      const fd = accept()
      say(fd, guest.fdstat(0).filetype, guest.fdstat(fd).filetype, guest.fdstat(fd).flags)
      say(recv(fd, 0, 3, 0, 100))
      say(send(fd, 'an', '', 'swer'))
      say(errnoOf(guest, 'sock_shutdown', fd, 2), send(fd, 'more'))
      say(recv(fd, 0, 100), recv(fd, 0, 100))
      say(errnoOf(guest, 'fd_close', fd), send(fd, 'x'), recv(fd, 0, 1), errnoOf(guest, 'sock_shutdown', fd, 1))`,
    talk: (peer) => {
      peer.write('question')
      return text(peer)
    },
  })
  t.is(talked, 'answer')
  t.deepEqual(said, [
    [4, 6, 6, 0],
    [['question', 0]],
    [6],
    ['SUCCESS', 'PIPE'],
    [
      ['', 0],
      ['', 0],
    ],
    ['SUCCESS', 'BADF', 'BADF', 'BADF'],
  ])
})

onPosix('with NONBLOCK there is AGAIN for what is not there, on the connection only if it was asked for', async (t) => {
  const { said } = await run(t, {
    listening: true,
    script: `
      const first = accept(4)
      say(guest.fdstat(first).flags, recv(first, 0, 9))
      guest.must('fd_fdstat_set_flags', 0, 4)
      say(accept(), guest.fdstat(0).flags)
      guest.must('fd_fdstat_set_flags', first, 0)
      say(send(first, 'go'))
      say(recv(first, 0, 9))`,
    async talk(peer) {
      await hears(peer, 2)
      peer.end('late')
    },
  })
  t.deepEqual(said, [[4, 'AGAIN'], ['AGAIN', 4], [2], [['late', 0]]])
})

onPosix('RECV_PEEK leaves the data, RECV_WAITALL waits until the buffers are full or the peer ends', async (t) => {
  const { said } = await run(t, {
    script: `
      say(recv(0, 1, 3), recv(0, 1, 100), recv(0, 0, 2))
      send(0, 'more')
      say(recv(0, 2, 2, 6))
      send(0, 'last')
      say(recv(0, 2, 100), recv(0, 2, 100), recv(0, 1, 100))`,
    async talk(peer) {
      peer.write('12345')
      await hears(peer, 4)
      peer.write('678')
      setTimeout(() => peer.write('90ab'), 30)
      await hears(peer, 4)
      peer.end('tail')
    },
  })
  t.deepEqual(said, [
    [
      ['123', 0],
      ['12345', 0],
      ['12', 0],
    ],
    [['34567890', 0]],
    [
      ['abtail', 0],
      ['', 0],
      ['', 0],
    ],
  ])
})

onPosix('what a peer has no room for is sent once it has', async (t) => {
  const size = 1 << 24
  const { said, talked } = await run(t, {
    script: `
      guest.memory.grow(${(size >> 16) + 1})
      const part = ${size >> 2}
      const table = guest.alloc(32)
      for (let i = 0; i < 4; i++) {
        guest.view.setUint32(table + 8 * i, 65536 + part * i, true)
        guest.view.setUint32(table + 8 * i + 4, part, true)
        guest.bytes.fill(0x61 + i, 65536 + part * i, 65536 + part * (i + 1))
      }
      say(call('sock_send', 0, table, 4, 0, 0), guest.u32(0))`,
    async talk(peer) {
      await wait(50)
      return buffer(peer)
    },
  })
  t.deepEqual(said, [['SUCCESS', size]])
  t.is(talked.length, size)
  for (const part of [0, 1, 2, 3])
    t.true(talked.subarray((part * size) / 4, ((part + 1) * size) / 4).every((byte) => byte === 97 + part))
})

onPosix('poll tells a connection to accept, bytes to receive, room to send, and a peer that is gone', async (t) => {
  const { said } = await run(t, {
    listening: true,
    script: `
      say(...events(reading(1, 0), timer(2, 60000)).map(([userdata, error]) => [userdata, error]))
      const fd = accept()
      say(...events(reading(1, 0), timer(2, 5)))
      say(...events(writing(1, fd), reading(2, fd), timer(3, 60000)))
      send(fd, 'go')
      say(...events(reading(1, fd), timer(2, 60000)))
      send(fd, 'end')
      recv(fd, 2, 5)
      say(...events(reading(1, fd), timer(2, 60000)))`,
    async talk(peer) {
      await hears(peer, 2)
      peer.write('12345')
      await hears(peer, 3)
      peer.end()
    },
  })
  t.deepEqual(said, [[[1, 0]], [[2, 0, 0, 0]], [[1, 0, 0, 0]], [[1, 0, 5, 0]], [[1, 0, 0, 1]]])
})

onPosix('a socket is also read and written as a file, has no position, and lists nothing', async (t) => {
  const { said, talked } = await run(t, {
    script: `
      say(guest.read(0), guest.write(0, 'ans', 'wer'))
      say(...[['fd_tell', 0, 0], ['fd_seek', 0, 0n, 0, 0], ['fd_pread', 0, 64, 0, 0n, 0], ['fd_sync', 0],
        ['fd_readdir', 0, 64, 64, 0n, 0], ['path_create_directory', 0, 'x'], ['fd_allocate', 0, 0n, 1n]]
        .map((args) => errnoOf(guest, ...args)))
      say(errnoOf(guest, 'sock_shutdown', 0, 3))`,
    talk: (peer) => {
      peer.write('question')
      return text(peer)
    },
  })
  t.is(talked, 'answer')
  t.deepEqual(said, [
    ['question', 6],
    ['SPIPE', 'SPIPE', 'SPIPE', 'NOTCAPABLE', 'NOTDIR', 'NOTDIR', 'NOTCAPABLE'],
    ['NOTSOCK'],
  ])
})

onPosix('each right is needed: receiving, sending, shutting down and accepting are NOTCAPABLE without', async (t) => {
  const { said } = await run(t, {
    listening: true,
    script: `
      const fd = accept()
      const without = (fd, bit) => guest.must('fd_fdstat_set_rights', fd, guest.fdstat(fd).base & ~bit, 0n)
      without(fd, 1n << 28n)
      say(errnoOf(guest, 'sock_shutdown', fd, 2), send(fd, 'x'))
      without(fd, 1n << 6n)
      say(send(fd, 'x'), call('sock_send', fd, 64, 0, 0, 0))
      without(fd, 1n << 1n)
      say(recv(fd, 0, 1))
      without(0, 1n << 29n)
      say(accept())`,
  })
  t.deepEqual(said, [['NOTCAPABLE', 1], ['NOTCAPABLE', 'NOTCAPABLE'], ['NOTCAPABLE'], ['NOTCAPABLE']])
})

onPosix(
  'arguments that no socket takes are errnos, bad pointers before anything is received or accepted',
  async (t) => {
    const { said } = await run(t, {
      listening: true,
      script: `
      const end = guest.memory.buffer.byteLength
      say(call('sock_accept', 0, 0, end), call('sock_accept', 0, 0, end - 3), call('sock_accept', 0, 0, -1))
      const fd = accept()
      say(recv(fd, 1, 9))
      const iovs = guest.iovs(9)
      say(call('sock_recv', fd, end, 1, 0, 0, 4), call('sock_recv', fd, ...iovs, 0, end, 4),
        call('sock_recv', fd, ...iovs, 0, 0, end - 1), call('sock_recv', fd, iovs[0], -1, 0, 0, 4),
        call('sock_send', fd, end, 1, 0, 0), call('sock_send', fd, ...iovs, 0, end))
      say(call('sock_shutdown', fd, 0), call('sock_shutdown', fd, 4), call('sock_send', fd, ...iovs, 1, 0))
      say(recv(fd, 2, 4), recv(0, 0, 1))`,
      talk: (peer) => void peer.write('data'),
    })
    t.deepEqual(said, [
      ['OVERFLOW', 'OVERFLOW', 'OVERFLOW'],
      [['data', 0]],
      Array(6).fill('OVERFLOW'),
      ['INVAL', 'INVAL', 'INVAL'],
      [['data', 0], 'NOTCONN'],
    ])
  },
)

const CALLS = [
  (fd) => ['sock_accept', fd, 0, 0],
  (fd) => ['sock_recv', fd, 64, 0, 0, 0, 4],
  (fd) => ['sock_send', fd, 64, 0, 0, 0],
  (fd) => ['sock_shutdown', fd, 3],
]

test('what is no socket is NOTSOCK, and what is not open BADF', (t) => {
  const { guest } = guestWithFiles(t, { file: '', 'sub/': null }, { stdin: hostFile(t).fd })
  const [file, dir] = [guest.open('file'), guest.open('sub')]
  const closed = guest.open('file')
  guest.close(closed)
  for (const call of CALLS) {
    expectErrnos(t, guest, [
      ...[0, 3, file, dir].map((fd) => ['NOTSOCK', ...call(fd)]),
      ...[closed, 77, -1].map((fd) => ['BADF', ...call(fd)]),
    ])
  }
})

test('a bad pointer is OVERFLOW, also on what is no socket', (t) => {
  const { guest } = guestWithFiles(t, { file: '' })
  expectOverflow(t, guest, [
    ['sock_accept', 3, 0, BAD_POINTER],
    ['sock_recv', 3, BAD_POINTER, 1, 0, 0, 4],
    ['sock_recv', 3, 64, 0, 0, BAD_POINTER, 4],
    ['sock_recv', 3, 64, 0, 0, 0, BAD_POINTER],
    ['sock_send', 3, BAD_POINTER, 1, 0, 0],
    ['sock_send', 3, 64, 0, 0, BAD_POINTER],
  ])
})
