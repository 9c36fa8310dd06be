import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import { prints } from '../guests/run.mjs'
import { NO_SYMLINKS, OTHER_SEMANTICS, UNEXPLAINED, knownFailure, onBackends } from '../support/conditions.mjs'
import { tree } from '../support/host.mjs'

onBackends()('mkdir, rmdir, unlink and remove on directories succeed or fail as POSIX says', async (t) => {
  await prints(
    t,
    'directories',
    'tree',
    `
mkdir("a", 0777): 0
mkdir("a", 0777): EEXIST
mkdir("a/b/c", 0777): ENOENT
mkdir("a/b", 0777): 0
mkdir("a/b/c/", 0777): 0
stat("a/b/c", &st): 0
S_ISDIR(st.st_mode): yes
stat("a/b/c/", &st): 0
mkdir("a/b/c/file", 0777): EEXIST
mkdir("a/b/c/file/d", 0777): ENOTDIR
rmdir("a/b/c"): ENOTEMPTY
rmdir("a/b/c/file"): ENOTDIR
unlink("a/b/c/file"): 0
unlink("a/b/c"): EISDIR
rmdir("a/b/c"): 0
rmdir("a/b/c"): ENOENT
rmdir("a/b/"): 0
remove("a"): 0
rmdir(".") == -1: yes
`,
  )
})

onBackends(knownFailure(NO_SYMLINKS))('scandir lists . and .. and every name with its type', async (t) => {
  await prints(
    t,
    'directories',
    'entries',
    `
directory .
directory ..
file file
directory inner
link link
file été 日本
directory .
directory ..
opendir("missing"): no
errno == ENOENT: yes
opendir("sub/file"): no
errno == ENOTDIR: yes
`,
  )
})

onBackends()('readdir returns the inode numbers that lstat returns', async (t) => {
  await prints(
    t,
    'directories',
    'inodes',
    `
inode("sub/file") != 0: yes
listed("sub", "file") == inode("sub/file"): yes
listed("sub", "link") == inode("sub/link"): yes
listed("sub", ".") == inode("sub"): yes
listed("sub", "..") != 0: yes
listed(".", ".") == inode("."): yes
listed(".", "..") == inode("."): yes
`,
  )
})

onBackends()('seekdir returns to any position of telldir, and rewinddir lists an added name', async (t) => {
  await prints(
    t,
    'directories',
    'positions',
    `
count: 42
wrong: 0
count: 43
closedir(dir): 0
`,
  )
})

onBackends()('unlinkat of each entry during readdir removes all entries, as rm -r does', async (t) => {
  await prints(
    t,
    'directories',
    'removed while read',
    `
removed: 400
closedir(dir): 0
rmdir("many"): 0
`,
  )
})

onBackends(knownFailure(OTHER_SEMANTICS))(
  'rename of files and directories succeeds or fails as POSIX says',
  async (t) => {
    await prints(
      t,
      'directories',
      'renames',
      `
rename("a", "moved"): 0
rename("a", "moved"): ENOENT
moved: "A"
rename("moved", "b"): 0
b: "A"
rename("b", "b"): 0
rename("b", "d"): EISDIR
rename("d", "b"): ENOTDIR
rename("b", "nowhere/b"): ENOENT
rename("b", "d/b"): 0
d/b: "A"
rename("e", "d"): ENOTEMPTY
rename("d", "d/inside"): EINVAL
rename("d", "e"): 0
e/b: "A"
rename("e/b", "../b"): ENOTCAPABLE
`,
    )
  },
)

onBackends(knownFailure(OTHER_SEMANTICS))(
  '*at functions resolve paths from a directory descriptor, also after the directory is renamed',
  async (t) => {
    await prints(
      t,
      'directories',
      'relative',
      `
fd = openat(d, "file", O_WRONLY | O_CREAT | O_EXCL, 0666): 5
write(fd, "text", 4): 4
mkdirat(d, "sub", 0777): 0
fstatat(d, "file", &st, 0): 0
st.st_size: 4
renameat(d, "file", d, "sub/file"): 0
rename("d", "elsewhere"): 0
mkdir("d", 0777): 0
faccessat(d, "sub/file", F_OK, 0): 0
linkat(d, "sub/file", d, "second", 0): 0
symlinkat("second", d, "link"): 0
readlinkat(d, "link", buffer, sizeof buffer): "second"
count: 5
unlinkat(d, "sub", 0): EISDIR
unlinkat(d, "sub", AT_REMOVEDIR): ENOTEMPTY
unlinkat(d, "sub/file", 0): 0
unlinkat(d, "sub", AT_REMOVEDIR): 0
openat(d, "../d", O_RDONLY): ENOTCAPABLE
closedir(dir): 0
elsewhere/link: "text"
`,
    )
  },
)

onBackends(knownFailure(OTHER_SEMANTICS))(
  'paths with .. resolve step by step and fail with ENOTCAPABLE outside the preopen',
  async (t) => {
    await prints(
      t,
      'directories',
      'dots',
      `
a/../file: "at the top"
a/b/../../file: "at the top"
./a/./b/.././../file: "at the top"
a//b///..//../file: "at the top"
stat("missing/../file", &st): ENOENT
stat("file/../file", &st): ENOTDIR
stat("file/", &st): ENOTDIR
stat("..", &st): ENOTCAPABLE
stat("../", &st): ENOTCAPABLE
stat("a/../../x", &st): ENOTCAPABLE
open("a/b/../../../x", O_WRONLY | O_CREAT, 0666): ENOTCAPABLE
mkdir("../x", 0777): ENOTCAPABLE
rmdir("../x"): ENOTCAPABLE
unlink("../x"): ENOTCAPABLE
link("file", "../x"): ENOTCAPABLE
symlink("file", "../x"): ENOTCAPABLE
rename("../x", "y"): ENOTCAPABLE
`,
    )
  },
)

test('paths resolve in the longest matching preopen, and rename and link work across preopens', async (t) => {
  const one = tree(t, { file: 'first' })
  const two = tree(t, { file: 'second' })
  await prints(
    t,
    'directories',
    'two preopens',
    `
/one/file: "first"
/two/file: "second"
rename("/one/file", "/two/moved"): 0
/two/moved: "first"
link("/two/moved", "/one/linked"): 0
/one/linked: "first"
open("/one/../two/file", O_RDONLY): ENOTCAPABLE
open("/three/file", O_RDONLY): ENOENT
`,
    { preopens: { '/one': one, '/two': two } },
  )
  t.is(readFileSync(join(one, 'linked'), 'utf8'), 'first')
})

onBackends(knownFailure(OTHER_SEMANTICS))(
  'names of up to 255 bytes, UTF-8 or not, are created, listed and removed',
  async (t) => {
    await prints(
      t,
      'directories',
      'odd names',
      `
total: 10
made: 10
seen: 10
removed: 10
rmdir("odd"): 0
`,
    )
  },
)

onBackends(knownFailure(UNEXPLAINED))('mkdir, stat and rmdir work 300 directories deep', async (t) => {
  await prints(
    t,
    'directories',
    'deep',
    `
made: 300
stat(path, &st): 0
removed: 300
`,
  )
})
