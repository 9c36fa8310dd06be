import test from 'ava'
import { prints } from '../guests/run.mjs'
import { OTHER_SEMANTICS, knownFailure, onBackends } from '../support/conditions.mjs'

onBackends(knownFailure(OTHER_SEMANTICS))('calls with an unsuitable path fail with the errno of POSIX', async (t) => {
  await prints(
    t,
    'errors',
    'paths',
    `
open("missing", O_RDONLY): ENOENT
open("missing/file", O_WRONLY | O_CREAT, 0666): ENOENT
open("file/below", O_RDONLY): ENOTDIR
open("file/below", O_WRONLY | O_CREAT, 0666): ENOTDIR
open("file", O_RDONLY | O_DIRECTORY): ENOTDIR
open("file/", O_RDONLY): ENOTDIR
open("new", O_RDONLY | O_CREAT | O_DIRECTORY, 0666): EINVAL
open("new", O_RDONLY): ENOENT
open("dir", O_WRONLY): EISDIR
open("dir", O_RDWR): EISDIR
open("dir", O_WRONLY | O_CREAT | O_EXCL, 0666): EEXIST
open(name, O_RDONLY): ENAMETOOLONG
open(name, O_WRONLY | O_CREAT, 0666): ENAMETOOLONG
mkdir(name, 0777): ENAMETOOLONG
stat(path, &st): ENAMETOOLONG
stat("file/below", &st): ENOTDIR
unlink("missing"): ENOENT
unlink("file/below"): ENOTDIR
unlink("dir"): EISDIR
rmdir("missing"): ENOENT
rmdir("file"): ENOTDIR
rename("missing", "other"): ENOENT
rename("file", "missing/other"): ENOENT
rename("file", "dir"): EISDIR
rename("dir", "file"): ENOTDIR
link("file", "dir"): EEXIST
symlink("x", "file"): EEXIST
`,
  )
})

onBackends()('path_* calls use the path length, and fail for an empty path or a NUL', async (t) => {
  await prints(
    t,
    'errors',
    'bytes of paths',
    `
create_directory(3, "", 0): ENOENT
filestat(3, 0, "", 0, &st): ENOENT
create_directory(3, nul_within, 3): EINVAL
create_directory(3, nul_after, 5): EINVAL
filestat(3, 0, file_nul_after, 5, &st): EINVAL
create_directory(3, "made, not this", 4): ok
filestat(3, 0, "made", 4, &st): ok
filestat(3, 0, "file.", 4, &st): ok
`,
  )
})

test('every call on a closed descriptor fails with EBADF', async (t) => {
  await prints(
    t,
    'errors',
    'descriptors',
    `
read(99, buffer, 1): EBADF
write(99, buffer, 1): EBADF
readv(99, &v, 1): EBADF
writev(99, &v, 1): EBADF
pread(99, buffer, 1, 0): EBADF
pwrite(99, buffer, 1, 0): EBADF
lseek(99, 0, SEEK_SET): EBADF
close(99): EBADF
close(-1): EBADF
fstat(99, &st): EBADF
fsync(99): EBADF
fdatasync(99): EBADF
ftruncate(99, 0): EBADF
posix_fallocate(99, 0, 1): EBADF
posix_fadvise(99, 0, 1, POSIX_FADV_NORMAL): EBADF
fcntl(99, F_GETFL): EBADF
fcntl(99, F_SETFL, 0): EBADF
openat(99, "file", O_RDONLY): EBADF
mkdirat(99, "dir", 0777): EBADF
unlinkat(99, "file", 0): EBADF
fstatat(99, "file", &st, 0): EBADF
readlinkat(99, "link", buffer, 1): EBADF
symlinkat("x", 99, "link"): EBADF
__wasi_fd_readdir(99, (uint8_t *)buffer, 100, 0, &used): EBADF
__wasi_fd_fdstat_get(99, &fdstat): EBADF
__wasi_fd_prestat_get(99, &prestat): EBADF
__wasi_fd_renumber(99, 1): EBADF
`,
  )
})

onBackends()('directory calls on a file and file calls on a directory fail', async (t) => {
  await prints(
    t,
    'errors',
    'kinds',
    `
openat(file, "x", O_RDONLY): ENOTDIR
mkdirat(file, "x", 0777) == -1: yes
fdopendir(file): no
read(dir, buffer, 1) == -1: yes
write(dir, "x", 1) == -1: yes
pread(dir, buffer, 1, 0) == -1: yes
pwrite(dir, "x", 1, 0) == -1: yes
ftruncate(dir, 0) == -1: yes
posix_fallocate(dir, 0, 1) != 0: yes
file: "text"
fsync(file): 0
faccessat(dir, ".", F_OK, 0): 0
`,
  )
})
