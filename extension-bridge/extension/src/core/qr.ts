import qrcode from 'qrcode-generator';
import { svg } from './mark.ts';

/** Hexadecimal digits as text whose characters are bytes, which is what `qr` takes. */
export const bytesOf = (hex: string): string =>
  (hex.match(/../g) ?? []).map((digits) => String.fromCharCode(Number.parseInt(digits, 16))).join('');

/** A QR code with its quiet zone, of text whose characters are bytes. Throws when it does not fit. */
export const qr = (text: string, label: string): SVGSVGElement => {
  const code = qrcode(0, 'M');
  code.addData(text, 'Byte');
  code.make();
  const count = code.getModuleCount();
  let path = '';
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1)
      if (code.isDark(row, column)) path += `M${column + 4} ${row + 4}h1v1h-1z`;
  }
  const drawn = svg(count + 8, path, label);
  drawn.classList.add('qr');
  return drawn;
};
