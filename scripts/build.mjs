// `npm run build`: builds the addon, optimised unless told `--debug`, and puts it beside index.js.

import { copyFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { platform } from '../platform.js'
import { ADDON, LIBRARY, RELEASE } from './cargo.mjs'
import { root, run } from './ready.mjs'

const debug = process.argv.includes('--debug')

run('cargo', 'rustc', ...ADDON, ...(debug ? [] : RELEASE))
const built = join(process.env.CARGO_TARGET_DIR ?? 'target', debug ? 'debug' : 'release', LIBRARY[process.platform])
const addon = join(root, `capwasi.${platform}.node`)
rmSync(addon, { force: true }) // Not overwritten: a program may be running with it.
copyFileSync(resolve(root, built), addon)
