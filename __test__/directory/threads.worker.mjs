// A thread of threads.spec.mjs. Creates files and renames them into a directory that all threads share, with names of
// its own, and removes half of them again. Also appends to one file, links one file, and creates the same names as all
// other threads.

import { workerData, parentPort } from 'node:worker_threads'
import { Directory } from '../../index.mjs'
import { OFLAGS, RIGHTS, FDFLAGS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
const { handle, id, milliseconds } = workerData
const guest = rawGuest({ preopens: { '/': Directory.join(handle) } })
const must = (name, ...args) => {
  const errno = errnoOf(guest, name, ...args)
  if (errno !== 'SUCCESS') throw new Error(`${name} ${args.join(' ')}: ${errno}`)
}
const log = guest.open('log', { oflags: OFLAGS.CREAT, rights: RIGHTS.FD_WRITE, fdflags: FDFLAGS.APPEND })
const end = Date.now() + milliseconds
let [turns, created, exclusive] = [0, 0, 0]
for (; Date.now() < end; turns++) {
  guest.reset()
  const own = `own-${id}`
  const fd = guest.open(own, { oflags: OFLAGS.CREAT | OFLAGS.EXCL, rights: RIGHTS.FD_WRITE })
  guest.write(fd, String(turns))
  guest.close(fd)
  const name = `all/${id}-${turns % 200}`
  if (errnoOf(guest, 'path_filestat_get', 3, 0, name, 0) === 'SUCCESS') {
    must('path_unlink_file', 3, name)
    created--
  }
  must('path_rename', 3, own, 3, name)
  created++
  if (turns % 2) {
    must('path_unlink_file', 3, name)
    created--
  }
  guest.write(log, 'one line\n')
  must('path_link', 3, 0, 'linked', 3, `links/${id}-${turns}`)
  if (turns >= 100) must('path_unlink_file', 3, `links/${id}-${turns - 100}`)
  const errno = errnoOf(guest, 'path_create_directory', 3, `once/${turns % 1000}`)
  if (errno === 'SUCCESS') exclusive++
  else if (errno !== 'EXIST') throw new Error(`once: ${errno}`)
  must('path_create_directory', 3, `parent/${id}`)
  must('path_rename', 3, `parent/${id}`, 3, `other/${id}`)
  must('path_remove_directory', 3, `other/${id}`)
}
parentPort.postMessage({ turns, created, exclusive })
