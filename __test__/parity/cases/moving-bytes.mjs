// read, write, pread, pwrite, seek and tell.

import { OFLAGS, RIGHTS } from '../../support/guest.mjs'
import { errnoOf } from '../../support/calls.mjs'

// Not `ask`: the buffers must stay in memory.
const call = (one, name, ...args) => one.call[name](...args)

export default function ({ guest, tree, hostFile, outcome }) {
  const rows = {}
  const fresh = () => {
    const one = guest(
      { preopens: { '/': tree({ 'in.txt': 'hello world', 'empty.txt': '', 'sub/x': 'x' }) } },
      { memory: '8' },
    )
    return { one, fd: one.open('in.txt', { rights: RIGHTS.FILE }) }
  }

  {
    const { one, fd } = fresh()
    rows.seek = [
      [0n, 0],
      [5n, 0],
      [2n, 1],
      [-3n, 1],
      [-1n, 2],
      [0n, 2],
      [100n, 2],
      [-12n, 2],
      [-1n, 0],
      [-1000n, 1],
      [0n, 3],
      [0n, 255],
    ].map(([offset, whence]) => {
      const seek = errnoOf(one, 'fd_seek', fd, offset, whence, 64)
      return [seek, one.u64(64), errnoOf(one, 'fd_tell', fd, 72), one.u64(72)]
    })
    rows['seek of a directory'] = [errnoOf(one, 'fd_seek', 3, 0n, 0, 64), errnoOf(one, 'fd_tell', 3, 64)]
  }

  {
    const { one, fd } = fresh()
    rows.reads = [[5], [1, 0, 2], [0], [], [100], [10]].map((sizes) => {
      const iovs = one.iovs(...sizes)
      one.must('fd_read', fd, ...iovs, 64)
      return [one.u32(64), one.gather(iovs, one.u32(64))]
    })
    one.seek(fd, 200)
    rows['a read past the end'] = one.read(fd, 10)
    rows['a read of a directory'] = errnoOf(one, 'fd_read', one.open('sub'), ...one.iovs(4), 64)
  }

  {
    const { one, fd } = fresh()
    rows.preads = [0n, 6n, 11n, 1000n, -1n, 1n << 63n].map((offset) => {
      const iovs = one.iovs(3, 4)
      return [call(one, 'fd_pread', fd, ...iovs, offset, 64), one.u32(64), one.gather(iovs, one.u32(64))]
    })
    rows['pread leaves the offset'] = one.seek(fd, 0, 'CUR')
    rows.pwrites = [0n, 11n, 20n, -1n].map((offset) => {
      const errno = call(one, 'fd_pwrite', fd, ...one.iovs('AB', '', 'C'), offset, 64)
      return [errno, one.u32(64)]
    })
    rows['pwrite leaves the offset'] = one.seek(fd, 0, 'CUR')
    rows['after the pwrites'] = one.read(fd, 100)
    rows['pread of a directory'] = call(one, 'fd_pread', 3, ...one.iovs(4), 0n, 64)
    rows['pread and pwrite of nothing'] = ['fd_pread', 'fd_pwrite'].map((name) => [
      call(one, name, fd, 0, 0, 0n, 64),
      one.u32(64),
    ])
  }

  {
    const { one, fd } = fresh()
    one.seek(fd, 6)
    rows.writes = [one.write(fd, 'WOR', 'LD', '', '!'), one.write(fd), one.write(fd, ''), one.seek(fd, 0, 'CUR')]
    one.seek(fd, 20)
    rows['a write past the end'] = [one.write(fd, 'far'), one.filestat(fd).size]
    one.seek(fd, 0)
    rows['after the writes'] = one.read(fd, 100)
  }

  for (const count of [1023, 1024, 1025, 3000]) {
    const { one } = fresh()
    const fd = one.open('many', { oflags: OFLAGS.CREAT, rights: RIGHTS.FILE })
    const parts = Array.from({ length: count }, (_, index) => String.fromCharCode(97 + (index % 26)))
    const written = one.write(fd, ...parts)
    one.seek(fd, 0)
    // A read may stop early: how early is not the same.
    const content = one.read(fd, count + 1)
    const reading = call(one, 'fd_read', fd, ...one.iovs(...parts.map(() => 1)), 64)
    rows[`${count} buffers`] = [written, content === parts.join(''), one.filestat(fd).size, reading]
  }

  {
    const [input, output] = [hostFile('from the host'), hostFile()]
    const one = guest({ stdin: input.fd, stdout: output.fd, stderr: output.fd })
    rows.stdin = [one.read(0, 4), one.read(0, 100), one.read(0)]
    rows.stdout = [one.write(1, 'out', 'put'), one.write(2, ' error'), output.text()]
    rows['reading stdout of a file, writing stdin of a file'] = outcome(() => [
      one.read(1),
      one.write(0, '!'),
      input.text(),
    ])
  }
  return rows
}
