import { statSync } from 'node:fs'
import { join } from 'node:path'

import { prints } from '../guests/run.mjs'
import { COARSE_TIMES, NO_SYMLINKS, knownFailure, onBackends } from '../support/conditions.mjs'

onBackends(knownFailure(COARSE_TIMES))('utimensat and utimes set times in nanoseconds by path', async (t) => {
  await prints(
    t,
    'times',
    'by path',
    `
utimensat(AT_FDCWD, "file", pair, 0): 0
file: 1234567890.123456789 1600000000.987654321
utimensat(AT_FDCWD, "file", (struct timespec[]){{0, 0}, {0, 1}}, 0): 0
file: 0.000000000 0.000000001
utimensat(AT_FDCWD, "file", (struct timespec[]){{4102444800, 1}, {1, 999999999}}, 0): 0
file: 4102444800.000000001 1.999999999
utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 1000000000}, {1, 0}}, 0): EINVAL
utimensat(AT_FDCWD, "missing", pair, 0): ENOENT
utimes("file", (struct timeval[]){{5, 6}, {7, 8}}): 0
file: 5.000006000 7.000008000
`,
  )
})

onBackends(knownFailure(COARSE_TIMES))(
  'futimens and utimensat set times by descriptor, of a file and of a directory',
  async (t, backend) => {
    const path = await prints(
      t,
      'times',
      'by descriptor',
      `
futimens(fd, pair): 0
fstat(fd, &st): 0
file: 1234567890.123456789 1600000000.987654321
file: 1234567890.123456789 1600000000.987654321
futimens(dir, pair): 0
dir: 1234567890.123456789 1600000000.987654321
utimensat(dir, ".", (struct timespec[]){{3, 4}, {5, 6}}, 0): 0
dir: 3.000000004 5.000000006
futimens(99, pair): EBADF
`,
    )
    // Copies of files in memory lack the times.
    if (backend === 'memory') return
    const { atimeNs, mtimeNs } = statSync(join(path, 'file'), { bigint: true })
    t.deepEqual([atimeNs, mtimeNs], [1234567890123456789n, 1600000000987654321n])
  },
)

onBackends(knownFailure(COARSE_TIMES))('UTIME_NOW sets a time to now, UTIME_OMIT keeps a time', async (t) => {
  await prints(
    t,
    'times',
    'now and omit',
    `
utimensat(AT_FDCWD, "file", (struct timespec[]){left, left}, 0): 0
file: 1234567890.123456789 1600000000.987654321
utimensat(AT_FDCWD, "file", (struct timespec[]){{9, 8}, left}, 0): 0
file: 9.000000008 1600000000.987654321
futimens(fd, (struct timespec[]){left, {7, 6}}): 0
file: 9.000000008 7.000000006
utimensat(AT_FDCWD, "file", (struct timespec[]){left, now}, 0): 0
st.st_atim.tv_sec: 9
is_now(st.st_mtim): yes
futimens(fd, (struct timespec[]){now, {7, 6}}): 0
is_now(st.st_atim): yes
st.st_mtim.tv_sec: 7
st.st_mtim.tv_nsec: 6
utimensat(AT_FDCWD, "file", NULL, 0): 0
is_now(st.st_atim) && is_now(st.st_mtim): yes
is_now(st.st_ctim): yes
`,
  )
})

onBackends(knownFailure(NO_SYMLINKS))(
  'utimensat with AT_SYMLINK_NOFOLLOW sets the times of the symlink itself',
  async (t) => {
    await prints(
      t,
      'times',
      'links',
      `
utimensat(AT_FDCWD, "link", pair, AT_SYMLINK_NOFOLLOW): 0
link: 1234567890.123456789 1600000000.987654321
file: 1.000000002 3.000000004
utimensat(AT_FDCWD, "link", (struct timespec[]){{5, 6}, {7, 8}}, 0): 0
file: 5.000000006 7.000000008
utimensat(AT_FDCWD, "dangling", pair, AT_SYMLINK_NOFOLLOW): 0
dangling: 1234567890.123456789 1600000000.987654321
utimensat(AT_FDCWD, "dangling", pair, 0): ENOENT
`,
    )
  },
)

onBackends()('*_filestat_set_times to both a value and now fails with EINVAL', async (t) => {
  await prints(
    t,
    'times',
    'contradictions',
    `
__wasi_fd_filestat_set_times(fd, 1, 1, atim): EINVAL
__wasi_fd_filestat_set_times(fd, 1, 1, mtim): EINVAL
__wasi_path_filestat_set_times(3, 0, "file", 1, 1, atim): EINVAL
__wasi_path_filestat_set_times(3, 0, "file", 1, 1, mtim): EINVAL
`,
  )
})
