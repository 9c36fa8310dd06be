// ava's `test` for specs that do not run, or cannot pass, everywhere.

import test from 'ava'
import { linux, posix } from './platform.mjs'

export const onPosix = posix ? test : test.skip
export const onLinux = linux ? test : test.skip
