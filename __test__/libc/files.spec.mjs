import { prints } from '../guests/run.mjs'
import { knownFailure, onBackends } from '../support/conditions.mjs'

onBackends()('open creates and truncates files, and limits the access, as its flags request', async (t) => {
  await prints(
    t,
    'files',
    'modes',
    `
open("new.txt", O_RDONLY): ENOENT
fd = open("new.txt", O_WRONLY | O_CREAT | O_EXCL, 0666): 4
open("new.txt", O_WRONLY | O_CREAT | O_EXCL, 0666): EEXIST
write(fd, "hello world", 11): 11
read(fd, buffer, 4): refused
close(fd): 0
fd = open("new.txt", O_RDONLY): 4
write(fd, "x", 1): refused
ftruncate(fd, 0) == -1: yes
read(fd, buffer, sizeof buffer): "hello world"
read(fd, buffer, sizeof buffer): ""
close(fd): 0
fd = open("new.txt", O_RDWR): 4
write(fd, "HELLO", 5): 5
read(fd, buffer, sizeof buffer): " world"
close(fd): 0
fd = open("new.txt", O_WRONLY | O_CREAT, 0666): 4
close(fd): 0
new.txt: "HELLO world"
fd = open("new.txt", O_WRONLY | O_TRUNC): 4
lseek(fd, 0, SEEK_END): 0
close(fd): 0
`,
  )
})

onBackends()('write with O_APPEND appends, and fcntl sets and clears O_APPEND', async (t) => {
  await prints(
    t,
    'files',
    'append',
    `
fcntl(fd, F_GETFL) & O_APPEND: yes
write(fd, "two ", 4): 4
lseek(fd, 0, SEEK_CUR): 8
lseek(fd, 0, SEEK_SET): 0
read(fd, buffer, 4): "one "
write(fd, "three ", 6): 6
lseek(fd, 0, SEEK_CUR): 14
log: "one two three "
fcntl(fd, F_SETFL, 0): 0
fcntl(fd, F_GETFL) & O_APPEND: no
lseek(fd, 0, SEEK_SET): 0
write(fd, "ONE", 3): 3
log: "ONE two three "
fcntl(fd, F_SETFL, O_APPEND): 0
write(fd, "four", 4): 4
log: "ONE two three four"
`,
  )
})

onBackends()('lseek sets the offset from start, offset and end; pread and pwrite keep the offset', async (t) => {
  await prints(
    t,
    'files',
    'seek',
    `
lseek(fd, 4, SEEK_SET): 4
read(fd, buffer, 2): "45"
lseek(fd, -1, SEEK_CUR): 5
read(fd, buffer, 2): "56"
lseek(fd, -2, SEEK_END): 8
read(fd, buffer, 9): "89"
lseek(fd, -1, SEEK_SET): EINVAL
lseek(fd, -11, SEEK_END): EINVAL
lseek(fd, 0, 7): EINVAL
lseek(fd, 0, SEEK_CUR): 10
pread(fd, buffer, 3, 2): "234"
pread(fd, buffer, 3, 9): "9"
pread(fd, buffer, 3, 99): ""
pwrite(fd, "ab", 2, 5): 2
lseek(fd, 0, SEEK_CUR): 10
lseek(fd, 12, SEEK_SET): 12
read(fd, buffer, 3): ""
write(fd, "end", 3): 3
pread(fd, buffer, 20, 0): 15
memcmp(buffer, with_hole, 15): 0
`,
  )
})

onBackends()('readv, writev, preadv and pwritev transfer their buffers in order', async (t) => {
  await prints(
    t,
    'files',
    'vectors',
    `
writev(fd, out, 4): 9
writev(fd, out, 0): 0
lseek(fd, 0, SEEK_SET): 0
readv(fd, in, 0): 0
readv(fd, in, 4): 9
abc|d|efghi
readv(fd, in, 4): 0
pwritev(fd, out, 3, 1): 8
preadv(fd, in, 3, 1): 4
abc|d
lseek(fd, 0, SEEK_CUR): 9
vector: "aabcdefgh"
`,
  )
})

onBackends()('readv and writev transfer more buffers than one system call accepts', async (t) => {
  await prints(
    t,
    'files',
    'many vectors',
    `
written: 1500
got: 1500
memcmp(bytes, back, parts): 0
`,
  )
})

onBackends()('ftruncate, posix_fallocate, posix_fadvise, fsync and fdatasync work on a file', async (t) => {
  await prints(
    t,
    'files',
    'sizes',
    `
write(fd, "0123456789", 10): 10
ftruncate(fd, 4): 0
size_of(fd): 4
lseek(fd, 0, SEEK_CUR): 10
ftruncate(fd, 6): 0
pread(fd, buffer, 20, 0): 6
memcmp(buffer, grown, 6): 0
ftruncate(fd, -1): EINVAL
posix_fallocate(fd, 0, 3): ok
size_of(fd): 6
posix_fallocate(fd, 100, 28): ok
size_of(fd): 128
posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL): ok
posix_fadvise(fd, 0, 10, POSIX_FADV_SEQUENTIAL): ok
posix_fadvise(fd, 0, 10, POSIX_FADV_RANDOM): ok
posix_fadvise(fd, 0, 10, POSIX_FADV_WILLNEED): ok
posix_fadvise(fd, 0, 10, POSIX_FADV_DONTNEED): ok
posix_fadvise(fd, 0, 10, POSIX_FADV_NOREUSE): ok
posix_fadvise(fd, 0, 10, 9): EINVAL
fsync(fd): 0
fdatasync(fd): 0
`,
  )
})

onBackends()('pwrite, lseek, read and ftruncate work beyond 4 GiB', async (t) => {
  await prints(
    t,
    'files',
    'beyond 4 GiB',
    `
pwrite(fd, "far", 3, 5368709120): 3
size_of(fd): 5368709123
lseek(fd, -3, SEEK_END): 5368709120
read(fd, buffer, 9): "far"
ftruncate(fd, 6442450944): 0
size_of(fd): 6442450944
unlink("sparse"): 0
`,
  )
})

onBackends(knownFailure({ wine: 'wine 8 cannot remove the name of an open file at once' }))(
  'an open file stays readable and writable after unlink',
  async (t) => {
    await prints(
      t,
      'files',
      'unlinked',
      `
unlink("gone"): 0
stat("gone", &st): ENOENT
unlink("gone"): ENOENT
fstat(fd, &st): 0
st.st_nlink: 0
st.st_size: 10
read(fd, buffer, sizeof buffer): "still here"
write(fd, "!", 1): 1
pread(fd, buffer, sizeof buffer, 0): "still here!"
pread(fd, buffer, sizeof buffer, 0): "still here!"
close(fd): 0
`,
    )
  },
)

onBackends()('open returns the lowest free descriptor, and fd_renumber moves a descriptor', async (t) => {
  await prints(
    t,
    'files',
    'numbers',
    `
a = open("x", O_RDWR | O_CREAT, 0666): 4
b = open("x", O_RDWR): 5
c = open("x", O_RDWR): 6
close(b): 0
close(b): EBADF
open("x", O_RDWR): 5
write(a, "from a", 6): 6
__wasilibc_fd_renumber(a, c): 0
write(a, "x", 1): EBADF
write(c, ", on", 4): 4
lseek(c, 0, SEEK_CUR): 10
open("x", O_RDWR): 4
__wasilibc_fd_renumber(c, c): 0
__wasilibc_fd_renumber(c, 1000): EBADF
x: "from a, on"
`,
  )
})

onBackends()('buffered streams read, write and append', async (t) => {
  await prints(
    t,
    'files',
    'streams',
    `
fflush(f): 0
fseek(f, 0, SEEK_SET): 0
first 1
ftell(f): 8
ungetc('!', f) == '!': yes
!second 2
fgetc(f) == EOF: yes
feof(f): yes
fclose(f): 0
f = fopen("lines", "a"): yes
fputs("third", f) >= 0: yes
fclose(f): 0
lines: "first 1
second 2
third"
fopen("lines", "wx"): no
fopen("missing", "r"): no
errno == ENOENT: yes
access("lines", F_OK): 0
access("lines", R_OK | W_OK): 0
access("missing", F_OK): ENOENT
truncate("lines", 5): 0
remove("lines"): 0
`,
  )
})

onBackends()('fcntl(F_GETFL) returns the flags and the access mode of open', async (t) => {
  const linesOf = (i) => `${i} kept\n${i} read and write\nwrite(fd, "x", 1): 1\nclose(fd): 0\n`
  await prints(
    t,
    'files',
    'flags',
    `${[0, 1, 2, 3, 4].map(linesOf).join('')}(fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY: yes
fcntl(fd, F_GETFL) & (O_APPEND | O_DSYNC | O_RSYNC | O_SYNC | O_NONBLOCK): 0
(fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY: yes
`,
  )
})
