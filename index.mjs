import capwasi from './lib/wasi.js'

export const { WASI, Directory } = capwasi
export default capwasi
