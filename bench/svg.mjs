// Draws the times of calls as a chart with a logarithmic scale, for README.md. The chart has light and dark colours, as
// the reader prefers.

const WIDTH = 800
const ROW = 18
const LEFT = 220
const RIGHT = 20
const TOP = 54
const BOTTOM = 34

/** Variants of other rows, which docs/speed.md has. */
const OMITTED = / (deep|link|of 200000)$|^fd_tell$|^fd_(read|write) 4 KiB$/

const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .axis { fill: #59636e }
    .grid { stroke: #d1d9e0; stroke-width: 1 }
    .capwasi { fill: #0969da; stroke: #0969da }
    .node { fill: none; stroke: #bc4c00; stroke-width: 2 }
    .limit { fill: none; stroke: #59636e; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .axis { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .capwasi { fill: #4493f8; stroke: #4493f8 }
      .node { stroke: #f0883e }
      .limit { stroke: #9198a1 }
    }`

const MARKS = {
  capwasi: (x, y) => `<circle class="capwasi" cx="${x}" cy="${y}" r="4.5"/>`,
  node: (x, y) => `<circle class="node" cx="${x}" cy="${y}" r="4.5"/>`,
  limit: (x, y) => `<path class="limit" d="M${x} ${y - 6}v12"/>`,
}
const LEGEND = { capwasi: 'capwasi', node: 'node:wasi', limit: 'bare system call' }

/** Returns a time with its unit. Powers of ten only. */
const unit = (ns) => (ns >= 1e6 ? `${ns / 1e6} ms` : ns >= 1e3 ? `${ns / 1e3} µs` : `${ns} ns`)

/** Returns the chart of the results that run.mjs writes. */
export function chart({ rows, node, machine, date }) {
  const shown = rows.filter(({ name }) => !OMITTED.test(name))
  const times = shown.flatMap((row) => [row.capwasi, row.node, row.limit]).filter((time) => time > 0)
  const first = Math.floor(Math.log10(Math.min(...times)))
  const last = Math.ceil(Math.log10(Math.max(...times)))
  const x = (ns) => Math.round(LEFT + ((Math.log10(ns) - first) / (last - first)) * (WIDTH - LEFT - RIGHT))
  const height = TOP + shown.length * ROW + BOTTOM
  const bottom = height - BOTTOM
  const legend = Object.entries(LEGEND).map(
    ([key, text], index) =>
      `${MARKS[key](LEFT + 10 + index * 150, 16)}<text x="${LEFT + 22 + index * 150}" y="20">${text}</text>`,
  )
  const grid = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index)).map(
    (ns) =>
      `<path class="grid" d="M${x(ns)} ${TOP - 8}V${bottom}"/>` +
      `<text class="axis" x="${x(ns)}" y="${TOP - 14}" text-anchor="middle">${unit(ns)}</text>`,
  )
  const lines = shown.map((row, index) => {
    const y = TOP + index * ROW + ROW / 2
    const marks = ['limit', 'node', 'capwasi'].filter((key) => row[key] > 0).map((key) => MARKS[key](x(row[key]), y))
    return `<text x="${LEFT - 16}" y="${y + 4}" text-anchor="end">${row.name}</text>${marks.join('')}`
  })
  const caption = `Time of a call, logarithmic scale. Node ${node.replace(/^v/, '')}, ${machine}, ${date}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
  <title>Time of each call in capwasi and in node:wasi, and of the bare system call</title>
  <style>${STYLE}
  </style>
  ${[...legend, ...grid, ...lines].join('\n  ')}
  <text class="axis" x="${LEFT}" y="${height - 10}">${caption}</text>
</svg>
`
}
