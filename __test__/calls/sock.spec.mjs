// sock_*, on TCP sockets that a child process passes to its guest as stdio.

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
 * Runs a script with a `guest` and helpers in a child process. Returns the values that it passed to `report`, one array
 * per call, and the result of `talk(peer)`. Descriptor 0 of the guest is a connection to the peer, or with `listening`
 * a listening socket that the peer connects to.
 */
async function run(t, { listening = false, script, talk }) {
  const prologue = `
    import { once } from 'node:events'
    import { writeSync } from 'node:fs'
    import { createServer } from 'node:net'
    import { EVENTTYPE, errnoName, rawGuest } from './__test__/support/guest.mjs'
    import { errnoOf } from './__test__/support/calls.mjs'
    const report = (...values) => writeSync(2, JSON.stringify(values) + '\\n')
    let stdin = 0
    if (${listening}) {
      // Only the guest accepts, because the event loop of this process no longer runs.
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      stdin = server._handle.fd
      writeSync(1, server.address().port + '\\n')
    }
    const guest = rawGuest({ stdin, preopens: { '/': '.' } })
    const call = (name, ...args) => errnoOf(guest, name, ...args)
    /** Calls sock_recv with buffers of these sizes. Returns the data and the flags, or the errno. */
    const recv = (fd, flags, ...sizes) => {
      guest.reset()
      const iovs = guest.iovs(...sizes)
      const errno = call('sock_recv', fd, ...iovs, flags, 0, 4)
      return errno === 'SUCCESS' ? [guest.gather(iovs, guest.u32(0)), guest.u16(4)] : errno
    }
    /** Calls sock_send. Returns the number of bytes sent, or the errno. */
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
    // The child has its own descriptor.
    socket.destroy()
  }
  peer.on('error', () => {})
  t.teardown(() => peer.destroy())
  const [talked, [code], lines] = await Promise.all([talk?.(peer), once(child, 'exit'), text(child.stderr)])
  t.is(code, 0, lines)
  return {
    reported: lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    talked,
  }
}

/** Waits until the peer has received `length` bytes. */
async function receive(peer, length) {
  let received = ''
  while (received.length < length) {
    const chunk = peer.read()
    if (chunk === null) await once(peer, 'readable')
    else received += chunk
  }
  return received
}

onPosix('sock_accept, sock_recv, sock_send, sock_shutdown and fd_close serve a connection', async (t) => {
  const { reported, talked } = await run(t, {
    listening: true,
    script: `
      const fd = accept()
      report(fd, guest.fdstat(0).filetype, guest.fdstat(fd).filetype, guest.fdstat(fd).flags)
      report(recv(fd, 0, 3, 0, 100))
      report(send(fd, 'an', '', 'swer'))
      report(errnoOf(guest, 'sock_shutdown', fd, 2), send(fd, 'more'))
      report(recv(fd, 0, 100), recv(fd, 0, 100))
      report(errnoOf(guest, 'fd_close', fd), send(fd, 'x'), recv(fd, 0, 1), errnoOf(guest, 'sock_shutdown', fd, 1))`,
    talk: (peer) => {
      peer.write('question')
      return text(peer)
    },
  })
  t.is(talked, 'answer')
  t.deepEqual(reported, [
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

onPosix('sock_recv and sock_accept with NONBLOCK fail with EAGAIN, and block after it is cleared', async (t) => {
  const { reported } = await run(t, {
    listening: true,
    script: `
      const first = accept(4)
      report(guest.fdstat(first).flags, recv(first, 0, 9))
      guest.must('fd_fdstat_set_flags', 0, 4)
      report(accept(), guest.fdstat(0).flags)
      guest.must('fd_fdstat_set_flags', first, 0)
      report(send(first, 'go'))
      report(recv(first, 0, 9))`,
    async talk(peer) {
      await receive(peer, 2)
      peer.end('late')
    },
  })
  t.deepEqual(reported, [[4, 'AGAIN'], ['AGAIN', 4], [2], [['late', 0]]])
})

onPosix('sock_recv with RECV_PEEK keeps the data, with RECV_WAITALL waits for full buffers or the end', async (t) => {
  const { reported } = await run(t, {
    script: `
      report(recv(0, 1, 3), recv(0, 1, 100), recv(0, 0, 2))
      send(0, 'more')
      report(recv(0, 2, 2, 6))
      send(0, 'last')
      report(recv(0, 2, 100), recv(0, 2, 100), recv(0, 1, 100))`,
    async talk(peer) {
      peer.write('12345')
      await receive(peer, 4)
      peer.write('678')
      setTimeout(() => peer.write('90ab'), 30)
      await receive(peer, 4)
      peer.end('tail')
    },
  })
  t.deepEqual(reported, [
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

onPosix('sock_send of more than the socket buffer waits for the peer and sends all', async (t) => {
  const size = 1 << 24
  const { reported, talked } = await run(t, {
    script: `
      guest.memory.grow(${(size >> 16) + 1})
      const part = ${size >> 2}
      const table = guest.alloc(32)
      for (let i = 0; i < 4; i++) {
        guest.view.setUint32(table + 8 * i, 65536 + part * i, true)
        guest.view.setUint32(table + 8 * i + 4, part, true)
        guest.bytes.fill(0x61 + i, 65536 + part * i, 65536 + part * (i + 1))
      }
      report(call('sock_send', 0, table, 4, 0, 0), guest.u32(0))`,
    async talk(peer) {
      await wait(50)
      return buffer(peer)
    },
  })
  t.deepEqual(reported, [['SUCCESS', size]])
  t.is(talked.length, size)
  for (const part of [0, 1, 2, 3])
    t.true(talked.subarray((part * size) / 4, ((part + 1) * size) / 4).every((byte) => byte === 97 + part))
})

onPosix('poll_oneoff reports a connection to accept, received bytes, space to send, and a hangup', async (t) => {
  const { reported } = await run(t, {
    listening: true,
    script: `
      report(...events(reading(1, 0), timer(2, 60000)).map(([userdata, error]) => [userdata, error]))
      const fd = accept()
      report(...events(reading(1, 0), timer(2, 5)))
      report(...events(writing(1, fd), reading(2, fd), timer(3, 60000)))
      send(fd, 'go')
      report(...events(reading(1, fd), timer(2, 60000)))
      send(fd, 'end')
      recv(fd, 2, 5)
      report(...events(reading(1, fd), timer(2, 60000)))`,
    async talk(peer) {
      await receive(peer, 2)
      peer.write('12345')
      await receive(peer, 3)
      peer.end()
    },
  })
  t.deepEqual(reported, [[[1, 0]], [[2, 0, 0, 0]], [[1, 0, 0, 0]], [[1, 0, 5, 0]], [[1, 0, 0, 1]]])
})

onPosix('fd_read and fd_write work on a socket; fd_seek fails with ESPIPE, fd_readdir with ENOTDIR', async (t) => {
  const { reported, talked } = await run(t, {
    script: `
      report(guest.read(0), guest.write(0, 'ans', 'wer'))
      report(...[['fd_tell', 0, 0], ['fd_seek', 0, 0n, 0, 0], ['fd_pread', 0, 64, 0, 0n, 0], ['fd_sync', 0],
        ['fd_readdir', 0, 64, 64, 0n, 0], ['path_create_directory', 0, 'x'], ['fd_allocate', 0, 0n, 1n]]
        .map((args) => errnoOf(guest, ...args)))
      report(errnoOf(guest, 'sock_shutdown', 0, 3))`,
    talk: (peer) => {
      peer.write('question')
      return text(peer)
    },
  })
  t.is(talked, 'answer')
  t.deepEqual(reported, [
    ['question', 6],
    ['SPIPE', 'SPIPE', 'SPIPE', 'NOTCAPABLE', 'NOTDIR', 'NOTDIR', 'NOTCAPABLE'],
    ['NOTSOCK'],
  ])
})

onPosix('sock_* calls on a socket without the right fail with ENOTCAPABLE', async (t) => {
  const { reported } = await run(t, {
    listening: true,
    script: `
      const fd = accept()
      const without = (fd, bit) => guest.must('fd_fdstat_set_rights', fd, guest.fdstat(fd).base & ~bit, 0n)
      without(fd, 1n << 28n)
      report(errnoOf(guest, 'sock_shutdown', fd, 2), send(fd, 'x'))
      without(fd, 1n << 6n)
      report(send(fd, 'x'), call('sock_send', fd, 64, 0, 0, 0))
      without(fd, 1n << 1n)
      report(recv(fd, 0, 1))
      without(0, 1n << 29n)
      report(accept())`,
  })
  t.deepEqual(reported, [['NOTCAPABLE', 1], ['NOTCAPABLE', 'NOTCAPABLE'], ['NOTCAPABLE'], ['NOTCAPABLE']])
})

onPosix('sock_* calls with invalid arguments or bad pointers fail and consume no data or connection', async (t) => {
  const { reported } = await run(t, {
    listening: true,
    script: `
      const end = guest.memory.buffer.byteLength
      report(call('sock_accept', 0, 0, end), call('sock_accept', 0, 0, end - 3), call('sock_accept', 0, 0, -1))
      const fd = accept()
      report(recv(fd, 1, 9))
      const iovs = guest.iovs(9)
      report(call('sock_recv', fd, end, 1, 0, 0, 4), call('sock_recv', fd, ...iovs, 0, end, 4),
        call('sock_recv', fd, ...iovs, 0, 0, end - 1), call('sock_recv', fd, iovs[0], -1, 0, 0, 4),
        call('sock_send', fd, end, 1, 0, 0), call('sock_send', fd, ...iovs, 0, end))
      report(call('sock_shutdown', fd, 0), call('sock_shutdown', fd, 4), call('sock_send', fd, ...iovs, 1, 0))
      report(recv(fd, 2, 4), recv(0, 0, 1))`,
    talk: (peer) => void peer.write('data'),
  })
  t.deepEqual(reported, [
    ['OVERFLOW', 'OVERFLOW', 'OVERFLOW'],
    [['data', 0]],
    Array(6).fill('OVERFLOW'),
    ['INVAL', 'INVAL', 'INVAL'],
    [['data', 0], 'NOTCONN'],
  ])
})

const CALLS = [
  (fd) => ['sock_accept', fd, 0, 0],
  (fd) => ['sock_recv', fd, 64, 0, 0, 0, 4],
  (fd) => ['sock_send', fd, 64, 0, 0, 0],
  (fd) => ['sock_shutdown', fd, 3],
]

test('sock_* calls on a file or directory fail with ENOTSOCK, on a closed descriptor with EBADF', (t) => {
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

test('sock_* calls with a bad pointer fail with EOVERFLOW, even on a directory', (t) => {
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
