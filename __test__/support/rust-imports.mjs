// Reads which files of src import which, from their `use` lines and from paths that start with `crate::`.

import { readdirSync, readFileSync } from 'node:fs'

const src = new URL('../../src/', import.meta.url)

/** Reads the sources: a Map from the path of each file, relative to src, to its text. */
export function readSources() {
  const names = readdirSync(src, { recursive: true }).map((name) => `${name}`.replaceAll('\\', '/'))
  const files = names.filter((name) => name.endsWith('.rs')).sort()
  return new Map(files.map((name) => [name, readFileSync(new URL(name, src), 'utf8')]))
}

/** Splits a list at its commas that are not in braces. */
function splitList(text) {
  const parts = ['']
  let depth = 0
  for (const char of text) {
    if (char === '{') depth++
    if (char === '}') depth--
    if (char === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.map((part) => part.trim()).filter(Boolean)
}

/** Expands `a::{b, c::d}` to `['a::b', 'a::c::d']`. */
function expand(path) {
  const brace = path.indexOf('{')
  if (brace === -1) return [path.replace(/ as \w+$/, '')]
  const prefix = path.slice(0, brace)
  return splitList(path.slice(brace + 1, path.lastIndexOf('}'))).flatMap((part) => expand(prefix + part))
}

/** Returns the module of a file as a list of names: `node/options.rs` is `['node', 'options']`. */
const moduleOf = (file) => file.replace(/\.rs$/, '').split('/')

/**
 * Returns which files each file imports: a Map from a path to a Set of paths. A name is resolved to the file of its
 * innermost module.
 */
export function importGraph(sources) {
  const resolve = (names) => {
    for (let length = names.length; length > 0; length--) {
      const file = `${names.slice(0, length).join('/')}.rs`
      if (sources.has(file)) return file
    }
    return undefined
  }
  const graph = new Map()
  for (const [file, text] of sources) {
    const code = text.replace(/\/\/.*$/gm, '')
    const own = moduleOf(file)
    const uses = [...code.matchAll(/^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);/gm)].flatMap(([, path]) =>
      expand(path.replace(/\s+/g, ' ').trim()),
    )
    const rest = code.replace(/^\s*(?:pub(?:\([^)]*\))? )?use [^;]+;/gm, '')
    const inline = [...rest.matchAll(/\bcrate(?:::\w+)+/g)].map(([path]) => path)
    const targets = [...uses, ...inline].map((path) => {
      const names = path.split('::').filter((name) => name !== 'self')
      if (names[0] === 'crate') return resolve(names.slice(1))
      const supers = names.findIndex((name) => name !== 'super')
      if (supers > 0) return resolve([...own.slice(0, own.length - supers), ...names.slice(supers)])
      return sources.has(`${[...own, names[0]].join('/')}.rs`) ? resolve([...own, ...names]) : undefined
    })
    graph.set(file, new Set(targets.filter((target) => target !== undefined && target !== file)))
  }
  return graph
}

/** Returns the circles of a graph: the sets of files that reach each other, as sorted lists. */
export function circles(graph) {
  const reachable = (start) => {
    const seen = new Set()
    const open = [...(graph.get(start) ?? [])]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(...(graph.get(next) ?? []))
    }
    return seen
  }
  const reach = new Map([...graph.keys()].map((file) => [file, reachable(file)]))
  const found = new Map()
  for (const file of graph.keys()) {
    if (!reach.get(file).has(file)) continue
    const circle = [...graph.keys()].filter((other) => reach.get(file).has(other) && reach.get(other).has(file)).sort()
    found.set(circle.join(' '), circle)
  }
  return [...found.values()]
}
