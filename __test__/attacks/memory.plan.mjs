// Runs in a process: calls every function from wasm, with each argument at hostile values. Prints breaches and the peak
// memory use.

import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FUNCTIONS, RIGHTS, errnoName, rawGuest, tree } from '../support/guest.mjs'
import { linux } from '../support/platform.mjs'

const [version, mode] = process.argv.slice(2)
const teardowns = []
const directory = tree({ teardown: (action) => teardowns.push(action) }, { file: 'text', other: 'other', 'sub/x': 'x' })
const devices = ['r', 'r+', 'r+'].map((flags) => openSync('/dev/null', flags))

// Addresses for valid arguments.
const [PATH, SECOND, IOVS, SUBS, BUFFER, OUT, OUT2] = [2048, 2112, 2176, 2304, 4096, 6144, 6400]
/** Valid arguments of each function. Descriptor 4 is a file, 5 a directory. */
const VALID = {
  args_get: [OUT, BUFFER],
  args_sizes_get: [OUT, OUT2],
  clock_res_get: [1, OUT],
  clock_time_get: [1, 0n, OUT],
  environ_get: [OUT, BUFFER],
  environ_sizes_get: [OUT, OUT2],
  fd_advise: [4, 0n, 8n, 0],
  fd_allocate: [4, 0n, 8n],
  fd_close: [4],
  fd_datasync: [4],
  fd_fdstat_get: [4, OUT],
  fd_fdstat_set_flags: [4, 1],
  fd_fdstat_set_rights: [4, 0n, 0n],
  fd_filestat_get: [4, OUT],
  fd_filestat_set_size: [4, 3n],
  fd_filestat_set_times: [4, 1n, 1n, 5],
  fd_pread: [4, IOVS, 2, 0n, OUT],
  fd_prestat_get: [3, OUT],
  fd_prestat_dir_name: [3, BUFFER, 1],
  fd_pwrite: [4, IOVS, 2, 0n, OUT],
  fd_read: [4, IOVS, 2, OUT],
  fd_readdir: [5, BUFFER, 512, 0n, OUT],
  fd_renumber: [4, 5],
  fd_seek: [4, 1n, 0, OUT],
  fd_sync: [4],
  fd_tell: [4, OUT],
  fd_write: [4, IOVS, 2, OUT],
  path_create_directory: [3, SECOND, 3],
  path_filestat_get: [3, 0, PATH, 4, OUT],
  path_filestat_set_times: [3, 0, PATH, 4, 1n, 1n, 5],
  path_link: [3, 0, PATH, 4, 3, SECOND, 3],
  path_open: [3, 0, PATH, 4, 0, 2n, 0n, 0, OUT],
  path_readlink: [3, SECOND, 3, BUFFER, 64, OUT],
  path_remove_directory: [3, SECOND, 3],
  path_rename: [3, PATH, 4, 3, SECOND, 3],
  path_symlink: [PATH, 4, 3, SECOND, 3],
  path_unlink_file: [3, PATH, 4],
  poll_oneoff: [SUBS, BUFFER, 1, OUT],
  proc_raise: [9],
  random_get: [BUFFER, 32],
  sched_yield: [],
  sock_accept: [0, 0, OUT],
  sock_recv: [0, IOVS, 1, 0, OUT, OUT2],
  sock_send: [1, IOVS, 1, 0, OUT],
  sock_shutdown: [0, 1],
}
const PAGES = 2
const END = PAGES * 65_536
const WORDS = [
  0,
  1,
  ...Array.from({ length: 17 }, (_, index) => END - 8 + index),
  END - 64,
  END - 24,
  0x1000_0000,
  0x2000_0001,
  0x7fff_ffff,
  0x8000_0000,
  0x8000_0001,
  0xffff_fff8,
  0xffff_ffff,
].map((word) => word | 0)
// No file size that a disk may have space for.
const LONGS = [0n, 1n, 8n, 1n << 62n, (1n << 63n) - 1n, -(1n << 63n), 1n - (1n << 63n), -2n, -1n]
/** The parameters of each function that are pointers to results. */
const WRITES = {
  args_get: [0, 1],
  args_sizes_get: [0, 1],
  clock_res_get: [1],
  clock_time_get: [2],
  environ_get: [0, 1],
  environ_sizes_get: [0, 1],
  fd_fdstat_get: [1],
  fd_filestat_get: [1],
  fd_pread: [4],
  fd_prestat_get: [1],
  fd_prestat_dir_name: [1],
  fd_pwrite: [4],
  fd_read: [3],
  fd_readdir: [1, 4],
  fd_seek: [3],
  fd_tell: [1],
  fd_write: [3],
  path_filestat_get: [4],
  path_open: [8],
  path_readlink: [3, 5],
  poll_oneoff: [1, 3],
  random_get: [0],
  sock_accept: [2],
  sock_recv: [4, 5],
  sock_send: [4],
}

const breaches = []
const before = Buffer.alloc(END)
let calls = 0
const count = {}
const [stdin, stdout, stderr] = devices
const options = { version, args: ['a', 'bc'], env: { A: 'b' }, preopens: { '/': directory }, stdin, stdout, stderr }
const make = () => {
  writeFileSync(join(directory, 'file'), 'text')
  const guest = rawGuest(options, { memory: `${PAGES}` })
  if (guest.open('file', { rights: RIGHTS.FILE }) !== 4 || guest.open('sub') !== 5) throw new Error('descriptors')
  guest.reset()
  return guest
}
const prepareMemory = (guest) => {
  const { bytes, view } = guest
  bytes.fill(0)
  bytes.set(Buffer.from('file'), PATH)
  bytes.set(Buffer.from('new'), SECOND)
  for (const [index, word] of [BUFFER, 16, BUFFER + 8, 16].entries()) view.setUint32(IOVS + 4 * index, word, true)
  guest.putRecord('SUBSCRIPTION', { type: 0, id: 1, timeout: 1n }, SUBS)
}

for (const [name, valid] of Object.entries(VALID)) {
  if (name === 'sock_accept' && version === 'unstable') continue
  const types = FUNCTIONS[name]
  if (types.length !== valid.length) throw new Error(name)
  const at = (index, value) => Object.assign([...valid], { [index]: value })
  // Each argument alone at each hostile value. Each result pointer also at the memory of another argument, and one byte
  // after.
  const attempts = [...types].flatMap((type, index) => (type === 'i' ? WORDS : LONGS).map((value) => at(index, value)))
  const written = WRITES[name] ?? []
  for (const index of written) {
    const places = valid.filter((value, other) => other !== index && typeof value === 'number' && value >= PATH)
    for (const place of places) attempts.push(at(index, place), at(index, place + 1))
  }
  let guest = make()
  for (const args of mode === 'idle' ? [] : attempts) {
    // Undo changes of the last call to descriptors and files.
    if (
      guest.call.fd_tell(4, OUT) !== 0 ||
      guest.call.fd_readdir(5, OUT, 24, 0n, OUT2) !== 0 ||
      guest.call.path_filestat_get(3, 0, PATH, 4, OUT) !== 0
    ) {
      guest.wasi.close()
      guest = make()
    }
    rmSync(join(directory, 'new'), { recursive: true, force: true })
    prepareMemory(guest)
    before.set(guest.bytes)
    const errno = guest.call[name](...args)
    calls++
    count[errnoName(errno)] = (count[errnoName(errno)] ?? 0) + 1
    const title = `${name}(${args.join(', ')}) is ${errnoName(errno)}`
    if (!Number.isInteger(errno) || errno < 0 || errno > 76) breaches.push(title)
    const changed = !before.equals(guest.bytes)
    if (changed && (errno !== 0 || written.length === 0)) breaches.push(`${title} and writes`)
    // Only the hostile values 0 and 1 point to the first bytes.
    const first = guest.bytes.subarray(0, 1024).some(Boolean)
    if (first && !args.some((arg, index) => written.includes(index) && (arg === 0 || arg === 1)))
      breaches.push(`${title} and writes elsewhere`)
    prepareMemory(guest)
  }
  guest.wasi.close()
}
devices.forEach(closeSync)
for (const teardown of teardowns) teardown()
const peak = linux ? Number(readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024 : 0
console.log(JSON.stringify({ breaches, calls, count, peak }))
