const SVG = 'http://www.w3.org/2000/svg';

/** One shape in a square; without a label, readers skip it. */
export const svg = (size: number, path: string, label: string): SVGSVGElement => {
  const root = document.createElementNS(SVG, 'svg');
  root.setAttribute('viewBox', `0 0 ${size} ${size}`);
  if (label === '') {
    root.setAttribute('aria-hidden', 'true');
  } else {
    root.setAttribute('role', 'img');
    root.setAttribute('aria-label', label);
  }
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  root.append(shape);
  return root;
};

/** The cells of a persona's mark, from the first bytes of its key: seven wide, seven high, symmetric. */
export const markCells = (key: string): Array<[number, number]> => {
  const digits = /^[0-9a-f]{66}$/.test(key) ? key.slice(2, 16) : '3f9a12c43f9a12';
  const bits = [...digits].map((digit) => Number.parseInt(digit, 16));
  const cells: Array<[number, number]> = [];
  for (let row = 0; row < 7; row += 1) {
    for (let column = 0; column < 4; column += 1) {
      const bit = row * 4 + column;
      // Each digit is used twice, so every cell depends on a byte; the eyes stay open in each mask.
      const on = (((bits[bit % 14] ?? 0) >> (bit % 4)) ^ ((bits[(bit * 5 + 3) % 14] ?? 0) >> 1)) & 1;
      const eye = row === 2 && column === 1;
      const brow = row === 1 && column > 0;
      if (eye || (on === 0 && !brow)) continue;
      cells.push([column, row]);
      if (column < 3) cells.push([6 - column, row]);
    }
  }
  return cells;
};

/** A small mask for a persona or contact; the name is beside it, so screen readers skip it. */
export const mark = (key: string): SVGSVGElement => {
  const drawn = svg(
    7,
    markCells(key)
      .map(([x, y]) => `M${x} ${y}h1v1h-1z`)
      .join(''),
    '',
  );
  drawn.classList.add('mark');
  return drawn;
};
