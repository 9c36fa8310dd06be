import capwasi from './index.js'

export const { WASI } = capwasi
export default capwasi
