// `import 'capwasi/register'` replaces the class of `node:wasi` by capwasi's, in this thread, in its workers and in its
// child processes. The module exports nothing.
export {}
