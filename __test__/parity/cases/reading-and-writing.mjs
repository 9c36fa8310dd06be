// fd_read, fd_write, fd_pread, fd_pwrite, fd_seek and fd_tell.

import { OFLAGS, RIGHTS } from '../../support/guest.mjs'
import { errnoOf } from '../../support/calls.mjs'

// Unlike errnoOf, keeps the buffers of the guest in memory.
const call = (guest, name, ...args) => guest.call[name](...args)

export default function ({ newGuest, tree, hostFile, outcome }) {
  const rows = {}
  const openFile = () => {
    const guest = newGuest(
      { preopens: { '/': tree({ 'in.txt': 'hello world', 'empty.txt': '', 'sub/x': 'x' }) } },
      { memory: '8' },
    )
    return { guest, fd: guest.open('in.txt', { rights: RIGHTS.FILE }) }
  }

  {
    const { guest, fd } = openFile()
    rows.fd_seek = [
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
      const seek = errnoOf(guest, 'fd_seek', fd, offset, whence, 64)
      return [seek, guest.u64(64), errnoOf(guest, 'fd_tell', fd, 72), guest.u64(72)]
    })
    rows['fd_seek of a directory'] = [errnoOf(guest, 'fd_seek', 3, 0n, 0, 64), errnoOf(guest, 'fd_tell', 3, 64)]
  }

  {
    const { guest, fd } = openFile()
    rows.fd_read = [[5], [1, 0, 2], [0], [], [100], [10]].map((sizes) => {
      const iovs = guest.iovs(...sizes)
      guest.must('fd_read', fd, ...iovs, 64)
      return [guest.u32(64), guest.gather(iovs, guest.u32(64))]
    })
    guest.seek(fd, 200)
    rows['fd_read beyond the end'] = guest.read(fd, 10)
    rows['fd_read of a directory'] = errnoOf(guest, 'fd_read', guest.open('sub'), ...guest.iovs(4), 64)
  }

  {
    const { guest, fd } = openFile()
    rows.fd_pread = [0n, 6n, 11n, 1000n, -1n, 1n << 63n].map((offset) => {
      const iovs = guest.iovs(3, 4)
      return [call(guest, 'fd_pread', fd, ...iovs, offset, 64), guest.u32(64), guest.gather(iovs, guest.u32(64))]
    })
    rows['the offset after fd_pread'] = guest.seek(fd, 0, 'CUR')
    rows.fd_pwrite = [0n, 11n, 20n, -1n].map((offset) => {
      const errno = call(guest, 'fd_pwrite', fd, ...guest.iovs('AB', '', 'C'), offset, 64)
      return [errno, guest.u32(64)]
    })
    rows['the offset after fd_pwrite'] = guest.seek(fd, 0, 'CUR')
    rows['content after fd_pwrite'] = guest.read(fd, 100)
    rows['fd_pread of a directory'] = call(guest, 'fd_pread', 3, ...guest.iovs(4), 0n, 64)
    rows['fd_pread and fd_pwrite without buffers'] = ['fd_pread', 'fd_pwrite'].map((name) => [
      call(guest, name, fd, 0, 0, 0n, 64),
      guest.u32(64),
    ])
  }

  {
    const { guest, fd } = openFile()
    guest.seek(fd, 6)
    rows.fd_write = [
      guest.write(fd, 'WOR', 'LD', '', '!'),
      guest.write(fd),
      guest.write(fd, ''),
      guest.seek(fd, 0, 'CUR'),
    ]
    guest.seek(fd, 20)
    rows['fd_write beyond the end'] = [guest.write(fd, 'far'), guest.filestat(fd).size]
    guest.seek(fd, 0)
    rows['content after fd_write'] = guest.read(fd, 100)
  }

  for (const count of [1023, 1024, 1025, 3000]) {
    const { guest } = openFile()
    const fd = guest.open('many', { oflags: OFLAGS.CREAT, rights: RIGHTS.FILE })
    const parts = Array.from({ length: count }, (_, index) => String.fromCharCode(97 + (index % 26)))
    const written = guest.write(fd, ...parts)
    guest.seek(fd, 0)
    // fd_read may return fewer bytes, and the two implementations differ in how many.
    const content = guest.read(fd, count + 1)
    const reading = call(guest, 'fd_read', fd, ...guest.iovs(...parts.map(() => 1)), 64)
    rows[`${count} buffers`] = [written, content === parts.join(''), guest.filestat(fd).size, reading]
  }

  {
    const [input, output] = [hostFile('from the host'), hostFile()]
    const guest = newGuest({ stdin: input.fd, stdout: output.fd, stderr: output.fd })
    rows.stdin = [guest.read(0, 4), guest.read(0, 100), guest.read(0)]
    rows.stdout = [guest.write(1, 'out', 'put'), guest.write(2, ' error'), output.text()]
    rows['fd_read of stdout and fd_write of stdin, both files'] = outcome(() => [
      guest.read(1),
      guest.write(0, '!'),
      input.text(),
    ])
  }
  return rows
}
