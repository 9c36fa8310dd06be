import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prints } from '../guests/run.mjs'
import { NO_SYMLINKS, OTHER_SEMANTICS, knownFailure, onBackends } from '../support/conditions.mjs'
import { tree } from '../support/host.mjs'

onBackends(knownFailure(NO_SYMLINKS))('symlink, readlink, open, rename and unlink work on symlinks', async (t) => {
  await prints(
    t,
    'links',
    'symbolic',
    `
symlink("target.txt", "link"): 0
symlink("target.txt", "link"): EEXIST
symlink("x", "missing/link"): ENOENT
link: link
link -> file
st.st_size: 10
link: "the text"
readlink("link", buffer, sizeof buffer): "target.txt"
readlink("target.txt", buffer, sizeof buffer): EINVAL
readlink("missing", buffer, sizeof buffer): ENOENT
symlink("../target.txt", "sub/up"): 0
sub/up: "the text"
symlink("sub", "dir"): 0
dir/up: "the text"
dir: link
dir/: directory
opendir("dir"): yes
rmdir("dir"): ENOTDIR
mkdir("dir", 0777): EEXIST
symlink("sub/../target.txt", "roundabout"): 0
roundabout: "the text"
target.txt: "written"
rename("link", "sub/moved"): 0
sub/moved: link
sub/moved: ENOENT
unlink("sub/up"): 0
target.txt: file
`,
  )
})

onBackends(knownFailure(NO_SYMLINKS))(
  'readlink truncates to a short buffer and writes nothing beyond the buffer',
  async (t) => {
    await prints(
      t,
      'links',
      'short buffers',
      `
1: 1 "0###########"
4: 4 "0123########"
7: 7 "0123456#####"
10: 10 "0123456789##"
`,
    )
  },
)

onBackends(knownFailure(NO_SYMLINKS))(
  'open with O_NOFOLLOW fails with ELOOP only for a symlink as last component',
  async (t) => {
    await prints(
      t,
      'links',
      'no follow',
      `
open("link", O_RDONLY | O_NOFOLLOW): ELOOP
open("link", O_WRONLY | O_CREAT | O_NOFOLLOW, 0666): ELOOP
open("dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW) == -1: yes
open("file", O_RDONLY | O_NOFOLLOW): 4
open("dir/inner", O_RDONLY | O_NOFOLLOW): 5
open("link", O_RDONLY): 6
`,
    )
  },
)

onBackends(knownFailure(NO_SYMLINKS))(
  'open through a symlink loop or a chain of 60 symlinks fails with ELOOP',
  async (t) => {
    await prints(
      t,
      'links',
      'loops',
      `
open("a", O_RDONLY): ELOOP
open("self/x", O_RDONLY): ELOOP
a: ELOOP
a: link
mkdir("a/x", 0777): ELOOP
unlink("a"): 0
10: "the end"
30: "the end"
open("60", O_RDONLY): ELOOP
`,
    )
  },
)

onBackends(knownFailure(NO_SYMLINKS))(
  'open of a dangling symlink fails with ENOENT, with O_CREAT it creates the target',
  async (t) => {
    await prints(
      t,
      'links',
      'dangling',
      `
link: link
link: ENOENT
open("link", O_RDONLY): ENOENT
access("link", F_OK): ENOENT
open("link", O_WRONLY | O_CREAT | O_EXCL, 0666): EEXIST
mkdir("link", 0777): EEXIST
nothing: "made through the link"
unlink("nothing"): 0
unlink("link"): 0
link: ENOENT
`,
    )
  },
)

onBackends(knownFailure(OTHER_SEMANTICS))('link creates names that share one file', async (t) => {
  await prints(
    t,
    'links',
    'hard',
    `
link("a", "b"): 0
link("a", "b"): EEXIST
link("a", "sub/c"): 0
a.st_nlink: 3
a.st_ino == b.st_ino && a.st_dev == b.st_dev: yes
a: "changed"
unlink("a"): 0
sub/c: "changed"
link("sub", "dir"): EPERM
link("missing", "x"): ENOENT
link("b", "missing/x"): ENOENT
link("link", "second"): 0
second: link
readlink("second", buffer, sizeof buffer): "b"
`,
  )
})

onBackends(knownFailure(NO_SYMLINKS))(
  'path_* calls with an absolute path fail with ENOTCAPABLE, symlink to one with EPERM',
  async (t) => {
    await prints(
      t,
      'links',
      'absolute',
      `
__wasi_path_open(3, 1, "/etc/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd): ENOTCAPABLE
__wasi_path_open(3, 1, "/inside", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd): ENOTCAPABLE
__wasi_path_open(3, 1, "//inside", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd): ENOTCAPABLE
__wasi_path_create_directory(3, "/made"): ENOTCAPABLE
__wasi_path_unlink_file(3, "/inside"): ENOTCAPABLE
symlink("/etc/passwd", "link"): EPERM
symlink("/inside", "link"): EPERM
symlink("../../etc/passwd", "link"): 0
readlink("link", buffer, sizeof buffer): "../../etc/passwd"
open("link", O_RDONLY): ENOTCAPABLE
`,
    )
  },
)

onBackends(knownFailure(NO_SYMLINKS))(
  'every call through a symlink to the outside fails with ENOTCAPABLE',
  async (t) => {
    const top = tree(t)
    const sandbox = join(top, 'box')
    const outside = join(top, 'outside')
    mkdirSync(join(sandbox, 'sub'), { recursive: true })
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    writeFileSync(join(sandbox, 'inside'), 'within')
    const links = {
      out: '../outside/secret',
      outdir: '../outside',
      absolute: join(outside, 'secret'),
      absolutedir: outside,
      'sub/up': '../..',
      back: '../box/inside',
    }
    for (const [link, target] of Object.entries(links)) symlinkSync(target, join(sandbox, link))
    await prints(
      t,
      'links',
      'escapes',
      `
refused == tried: yes
open("outdir", O_RDONLY | O_DIRECTORY): ENOTCAPABLE
open("sub/up", O_RDONLY | O_DIRECTORY): ENOTCAPABLE
out: link
absolute: link
readlink("out", buffer, sizeof buffer): "../outside/secret"
unlink("out"): 0
out: ENOENT
inside: "within"
`,
      { preopens: { '/': sandbox } },
    )
    t.deepEqual(readdirSync(top).sort(), ['box', 'outside'])
    t.deepEqual(readdirSync(outside), ['secret'])
    t.is(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
  },
)
