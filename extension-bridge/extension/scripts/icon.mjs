// The icon as PNG, drawn here so that no binary is in the repository: a half mask in one colour.
import { crc32, deflateSync } from 'node:zlib';

const COLOUR = [0x8e, 0x24, 0x30];
const SAMPLES = 4;

/** Whether the unit square's point is in the mask: a shield that narrows to the chin, with two eyes. */
const inside = (x, y) => {
  const across = Math.abs(x - 0.5);
  const width = y < 0.12 || y > 0.92 ? 0 : y < 0.45 ? 0.42 : 0.42 - (y - 0.45) * 0.62;
  const eye = ((across - 0.19) / 0.11) ** 2 + ((y - 0.4) / 0.07) ** 2 < 1;
  return across < width && !eye;
};

const chunk = (kind, body) => {
  const typed = Buffer.concat([Buffer.from(kind), body]);
  const out = Buffer.alloc(8 + typed.length);
  out.writeUInt32BE(body.length, 0);
  typed.copy(out, 4);
  out.writeUInt32BE(crc32(typed), out.length - 4);
  return out;
};

export const icon = (size) => {
  const rows = Buffer.alloc(size * (size * 4 + 1));
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      let hit = 0;
      for (let sample = 0; sample < SAMPLES ** 2; sample += 1) {
        const x = (column + ((sample % SAMPLES) + 0.5) / SAMPLES) / size;
        const y = (row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES) / size;
        if (inside(x, y)) hit += 1;
      }
      rows.set([...COLOUR, Math.round((hit / SAMPLES ** 2) * 255)], row * (size * 4 + 1) + 1 + column * 4);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};
