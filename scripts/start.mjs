// `npm start`: capwasi's main job on real input.

import { ready, run } from './ready.mjs'

ready()
run(process.execPath, '--no-warnings', 'examples/ruby.mjs')
