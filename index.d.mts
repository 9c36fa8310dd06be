import * as capwasi from './index.js'

export * from './index.js'
export default capwasi
