// `npm run build`: builds the optimised addon and puts it beside index.js. With `npm run build -- --debug` the addon is
// not optimised. Does not use `napi build`: building the rlib too would make the addon 11 % larger, and @napi-rs/cli
// takes 82 MB.

import { copyFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { platform } from '../lib/platform.js'
import { ADDON, LIBRARY, RELEASE } from './cargo.mjs'
import { root, run } from './ready.mjs'

const debug = process.argv.includes('--debug')

run('cargo', 'rustc', ...ADDON, ...(debug ? [] : RELEASE))
const built = join(process.env.CARGO_TARGET_DIR ?? 'target', debug ? 'debug' : 'release', LIBRARY[process.platform])
const addon = join(root, `capwasi.${platform}.node`)
rmSync(addon, { force: true }) // Overwriting the file would break processes that have loaded the addon.
copyFileSync(resolve(root, built), addon)
