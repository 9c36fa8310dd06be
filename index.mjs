import capwasi from './index.js'

export const { WASI, Directory } = capwasi
export default capwasi
