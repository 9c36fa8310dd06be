// `npm test`: all checks, fast ones first. Unlike a plain `npx ava`, also runs the specs that are marked as slow.

import { ready, run } from './ready.mjs'

ready()
run('npm', 'run', '--silent', 'lint')
run('npx', 'tsc', '--project', '.')
run('cargo', 'test', '--quiet', '--no-default-features')
process.env.CAPWASI_SLOW = '1'
run('npx', 'ava')
