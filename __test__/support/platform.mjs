// The operating systems that specs tell apart. Without ava, so that scripts of other processes can use this file.

export const windows = process.platform === 'win32'
export const posix = !windows
export const linux = process.platform === 'linux'
