import capwasi from './lib/process.js'

export const { Pool, ProcessError, run, spawn } = capwasi
export default capwasi
