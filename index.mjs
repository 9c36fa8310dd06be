import capwasi from './lib/wasi.js'

export const { WASI } = capwasi
export default capwasi
