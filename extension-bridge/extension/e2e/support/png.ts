import { crc32, deflateSync, inflateSync } from 'node:zlib';

// PNG (W3C, third edition) as Chromium writes it: 8 bits, RGB or RGBA, not interlaced.

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const chunk = (kind: string, body: Buffer): Buffer => {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(kind, 4, 'latin1');
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
};

/** The predictor of filter type 4. */
const paeth = (left: number, up: number, corner: number): number => {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
};

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** `0xRRGGBB` each. */
  readonly colours: Uint32Array;
}

const decode = (png: Buffer): Pixels => {
  const [width, height, kind] = [png.readUInt32BE(16), png.readUInt32BE(20), png.readUInt8(25)];
  const size = kind === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = SIGNATURE.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * size;
  const colours = new Uint32Array(width * height);
  let before = new Uint8Array(stride);
  for (let row = 0; row < height; row += 1) {
    const filter = raw[row * (stride + 1)] ?? 0;
    const line = new Uint8Array(raw.subarray(row * (stride + 1) + 1, (row + 1) * (stride + 1)));
    for (let at = 0; at < stride; at += 1) {
      const left = at >= size ? (line[at - size] ?? 0) : 0;
      const up = before[at] ?? 0;
      const corner = at >= size ? (before[at - size] ?? 0) : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      line[at] = ((line[at] ?? 0) + guess) & 255;
    }
    for (let column = 0; column < width; column += 1) {
      const at = column * size;
      colours[row * width + column] = ((line[at] ?? 0) << 16) | ((line[at + 1] ?? 0) << 8) | (line[at + 2] ?? 0);
    }
    before = line;
  }
  return { width, height, colours };
};

/** The same picture with at most 256 colours, which is a third of the size; letters' edges lose the finest of their shades. */
export const smaller = (png: Buffer): Buffer => {
  const { width, height, colours } = decode(png);
  const counts = new Map<number, number>();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const palette = [...counts]
    .sort(([, one], [, other]) => other - one)
    .slice(0, 256)
    .map(([colour]) => colour);
  const nearest = new Map(palette.map((colour, index) => [colour, index]));
  const indexOf = (colour: number): number => {
    const known = nearest.get(colour);
    if (known !== undefined) return known;
    let [best, distance] = [0, Number.POSITIVE_INFINITY];
    for (const [index, other] of palette.entries()) {
      const away =
        ((colour >> 16) - (other >> 16)) ** 2 +
        (((colour >> 8) & 255) - ((other >> 8) & 255)) ** 2 +
        ((colour & 255) - (other & 255)) ** 2;
      if (away < distance) [best, distance] = [index, away];
    }
    nearest.set(colour, best);
    return best;
  };
  const rows = Buffer.alloc(height * (width + 1));
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1)
      rows[row * (width + 1) + 1 + column] = indexOf(colours[row * width + column] ?? 0);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const table = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};
