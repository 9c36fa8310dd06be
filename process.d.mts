import * as capwasi from './process.js'

export * from './process.js'
export default capwasi
