// Several sandboxes in one process do not affect each other.

import test from 'ava'
import { WASI } from 'capwasi'
import { ERRNO, command, hostFile, instantiate, rawGuest, tree } from '../support/guest.mjs'

test('each sandbox has its own arguments, environment and preopens', (t) => {
  const guests = ['one', 'two', 'three'].map((name) =>
    rawGuest({ args: [name], env: { NAME: name }, preopens: { [`/${name}`]: tree(t, { [name]: name }) } }),
  )
  for (const [index, name] of ['one', 'two', 'three'].entries()) {
    const guest = guests[index]
    t.deepEqual([guest.strings('args'), guest.strings('environ')], [[name], [`NAME=${name}`]])
    t.deepEqual(
      guest
        .readdir(3)
        .map((entry) => entry.name)
        .filter((entry) => !/^\.+$/.test(entry)),
      [name],
    )
  }
})

test('each sandbox has its own descriptors and offsets', (t) => {
  const preopens = { '/': tree(t, { 'in.txt': 'hello' }) }
  const [one, other] = [rawGuest({ preopens }), rawGuest({ preopens })]
  const fds = [one.open('in.txt'), other.open('in.txt')]
  t.is(fds[0], fds[1])
  t.is(one.read(fds[0], 3), 'hel')
  t.is(other.read(fds[1], 5), 'hello')
  one.close(fds[0])
  t.is(one.call.fd_tell(fds[0], one.out), ERRNO.BADF)
  t.is(other.call.fd_tell(fds[1], other.out), 0)
})

test('each sandbox writes to its own stdout', (t) => {
  const files = [hostFile(t), hostFile(t)]
  const guests = files.map(({ fd }) => rawGuest({ stdout: fd }))
  guests[0].write(1, 'to the first')
  guests[1].write(1, 'to the second')
  t.deepEqual(
    files.map((file) => file.text()),
    ['to the first', 'to the second'],
  )
})

test('several sandboxes can share one host descriptor as stdin, stdout and stderr', (t) => {
  const file = hostFile(t)
  const guests = [1, 2, 3].map(() => rawGuest({ stdin: file.fd, stdout: file.fd, stderr: file.fd }))
  for (const guest of guests) guest.write(1, 'out') + guest.write(2, 'err')
  t.is(file.text(), 'outerr'.repeat(3))
})

test('fd_close on stdio of one sandbox keeps it open for the host and other sandboxes', (t) => {
  const file = hostFile(t)
  const [one, other] = [rawGuest({ stdout: file.fd }), rawGuest({ stdout: file.fd })]
  one.close(1)
  t.is(one.call.fd_write(1, ...one.iovs('x'), one.out), ERRNO.BADF)
  t.is(other.write(1, 'still here'), 10)
  t.is(file.text(), 'still here')
})

test('start() of a new sandbox works inside a guest of another', (t) => {
  const outer = new WASI({ version: 'preview1' })
  const memory = new WebAssembly.Memory({ initial: 1 })
  const codes = []
  const _start = () => {
    for (let code = 1; code <= 5; code++) {
      const inner = new WASI({ version: 'preview1' })
      codes.push(inner.start(instantiate(inner, command(`(call $proc_exit (i32.const ${code}))`))))
    }
  }
  t.is(outer.start({ exports: { memory, _start } }), 0)
  t.deepEqual(codes, [1, 2, 3, 4, 5])
})

test('sandboxes of preview1, unstable and without a version work side by side', (t) => {
  const preopens = { '/': tree(t, { 'in.txt': 'hello' }) }
  for (const version of ['preview1', 'unstable', undefined, 'preview1']) {
    const guest = rawGuest({ version, preopens })
    const fd = guest.open('in.txt')
    t.is(guest.seek(fd, -2, 'END'), 3n)
    t.is(guest.read(fd), 'lo')
    t.is(guest.filestat(fd).size, 5n)
  }
})
