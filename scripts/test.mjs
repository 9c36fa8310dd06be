// `npm test`: every check there is, the quick ones first.

import { ready, run } from './ready.mjs'

ready()
run('npm', 'run', '--silent', 'lint')
run('npx', 'tsc', '--project', '.')
run('cargo', 'test', '--quiet', '--no-default-features')
run('npx', 'ava')
