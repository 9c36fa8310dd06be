// Runs in a process with its own mount namespace, on a FUSE file system whose directories a and b have the same inode
// number. Prints the files that guests find in each.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, read, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDescriptors, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'

/** The files by FUSE node id. 1 is the root. */
const NODES = {
  1: { ino: 1n, entries: { a: 2, b: 3 } },
  2: { ino: 42n, entries: { 'in-a': 4 } },
  3: { ino: 42n, entries: { 'in-b': 5 } },
  4: { ino: 4n, text: 'secret' },
  5: { ino: 5n, text: 'public' },
}
const [LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, OPENDIR, RELEASEDIR, BATCH_FORGET] = [
  1, 2, 3, 14, 15, 18, 25, 26, 27, 29, 42,
]
const [ENOENT, ENOSYS] = [2, 38]

/** Returns a buffer with a fuse_attr after `before` bytes. */
function attributes(id, before) {
  const { ino, text } = NODES[id]
  const bytes = Buffer.alloc(before + 88)
  bytes.writeBigUInt64LE(ino, before)
  bytes.writeBigUInt64LE(BigInt(text?.length ?? 0), before + 8)
  bytes.writeUInt32LE(text === undefined ? 0o40755 : 0o100644, before + 60)
  bytes.writeUInt32LE(1, before + 64)
  return bytes
}

/** Returns the reply to a FUSE request: bytes or an errno. */
function replyTo(opcode, id, body) {
  switch (opcode) {
    case INIT: {
      const bytes = Buffer.alloc(64)
      bytes.writeUInt32LE(7, 0)
      bytes.writeUInt32LE(31, 4)
      bytes.writeUInt32LE(4096, 20)
      return bytes
    }
    case LOOKUP: {
      const found = NODES[id].entries?.[body.toString('latin1', 0, body.indexOf(0))]
      if (found === undefined) return ENOENT
      const bytes = attributes(found, 40)
      bytes.writeBigUInt64LE(BigInt(found), 0)
      return bytes
    }
    case GETATTR:
      return attributes(id, 16)
    case OPEN:
    case OPENDIR:
      return Buffer.alloc(16)
    case READ:
      return Buffer.from(NODES[id].text).subarray(Number(body.readBigUInt64LE(8)))
    case RELEASE:
    case RELEASEDIR:
    case FLUSH:
      return Buffer.alloc(0)
    default:
      return ENOSYS
  }
}

/** Serves requests until the process that mounted the file system ends. A pending read does not keep this one alive. */
async function serve(device) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  const request = Buffer.alloc(1 << 20)
  for (;;) {
    await promisify(read)(device, request)
    const [len, opcode, id] = [request.readUInt32LE(0), request.readUInt32LE(4), Number(request.readBigUInt64LE(16))]
    if (opcode === FORGET || opcode === BATCH_FORGET) continue
    const reply = replyTo(opcode, id, request.subarray(40, len))
    const [errno, bytes] = typeof reply === 'number' ? [reply, Buffer.alloc(0)] : [0, reply]
    const head = Buffer.alloc(16)
    head.writeUInt32LE(16 + bytes.length, 0)
    head.writeInt32LE(-errno, 4)
    request.copy(head, 8, 8, 16)
    writeSync(device, Buffer.concat([head, bytes]))
  }
}

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  serve(3)
} else {
  const device = openSync('/dev/fuse', 'r+')
  const stdio = ['ignore', 'ignore', 'inherit', device]
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
  execFileSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', directory], { stdio })
  const server = spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: [...stdio, 'ipc'] })
  // Now only the server has the device: when the server ends, no request waits for a reply.
  closeSync(device)
  const guests = ['a', 'b'].map((name) => rawGuest({ preopens: { '/': `${directory}/${name}` } }))
  const contents = guests.map((guest) =>
    ['in-a', 'in-b'].map((name) => {
      guest.reset()
      const errno = errnoOf(guest, 'path_open', 3, 0, name, 0, 2n, 0n, 0, 0)
      return errno === 'SUCCESS' ? guest.read(guest.u32(0), 99) : errno
    }),
  )
  const before = openDescriptors()
  const more = ['a', 'b', 'a'].map((name) => rawGuest({ preopens: { '/': `${directory}/${name}` } }))
  console.log(JSON.stringify({ contents, opened: openDescriptors() - before, guests: guests.length + more.length }))
  execFileSync('umount', ['-l', directory])
  server.kill('SIGKILL')
}
