// The kernel as an oracle for directories in memory and overlays. scripts/diff.mjs makes more calls.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { onLinux } from '../support/conditions.mjs'
import { TIMEOUT_MS, root } from '../support/host.mjs'

for (const backend of ['memory', 'overlay']) {
  onLinux(`2,000 random calls on a directory of the backend ${backend} give the results of the host`, async (t) => {
    const args = ['--no-warnings', 'scripts/diff.mjs', '--backend', backend, '--calls', '2000']
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: TIMEOUT_MS })
    t.regex(stdout, /^20\d\d calls on host and /)
  })
}
