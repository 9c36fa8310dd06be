'use strict'

// Encodes, scales and compresses images asynchronously, in threads.

const assert = require('node:assert/strict')
const { Transformer, compressJpeg } = require(process.argv[2])

async function main() {
  const [width, height] = [160, 120]
  const pixels = Buffer.alloc(width * height * 4, 255)
  for (let i = 0; i < width * height; i++) pixels.writeUInt16LE(i, i * 4)
  const png = await Transformer.fromRgbaPixels(pixels, width, height).png()
  assert.equal(png.toString('latin1', 1, 4), 'PNG')
  const scaled = await Promise.all(
    Array.from({ length: 8 }, (_, i) => new Transformer(png).resize(32 + i, 24).jpeg(80)),
  )
  for (const [i, jpeg] of scaled.entries()) {
    const metadata = await new Transformer(jpeg).metadata()
    assert.deepEqual([metadata.format, metadata.width, metadata.height], ['jpeg', 32 + i, 24])
  }
  assert.equal((await new Transformer(png).webp(70)).toString('latin1', 8, 12), 'WEBP')
  assert((await compressJpeg(scaled[0], { quality: 30 })).length > 100)
  console.log('encoded')
}

main()
