/** A piece of a text; `hit`: it is one of the words that were looked for. */
export interface Piece {
  readonly text: string;
  readonly hit: boolean;
}

/** Letters and digits; what else is between them does not count. */
const WORDS = /[\p{L}\p{M}\p{N}]+/gu;

/**
 * As the search compares texts: without case, accents and width. One place of the result is one place of the text, so
 * that what is found there can be shown in the text: a letter that becomes two is cut to the first.
 */
const plain = (text: string): string =>
  [...text]
    .map((letter) => {
      const folded = letter.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
      return (folded === '' ? letter : folded).slice(0, letter.length).padEnd(letter.length, '\u0000');
    })
    .join('');

/** Not between the two units of one letter. */
const whole = (text: string, at: number): number => (/^[\udc00-\udfff]/.test(text.slice(at)) ? at - 1 : at);

/** The places of the words found, in order and without overlaps. */
const places = (text: string, wanted: string): Array<[from: number, to: number]> => {
  const folded = plain(text);
  const found: Array<[number, number]> = [];
  for (const word of new Set(plain(wanted).match(WORDS) ?? []))
    for (let at = folded.indexOf(word); at !== -1; at = folded.indexOf(word, at + word.length))
      found.push([at, at + word.length]);
  found.sort(([one], [other]) => one - other);
  return found.filter(([from], index) => found.slice(0, index).every(([, to]) => to <= from));
};

/** About so many characters of a text around what was looked for, in pieces. */
export const snippet = (text: string, wanted: string, length = 120): Piece[] => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const found = places(line, wanted);
  const first = found[0]?.[0] ?? 0;
  const begin = whole(line, Math.max(0, first - Math.floor(length / 4)));
  // Where a word begins, unless that is behind what was found.
  const word = begin === 0 ? 0 : line.indexOf(' ', begin) + 1;
  const start = word > first ? begin : Math.max(begin, word);
  const end = whole(line, Math.min(line.length, start + length));
  const pieces: Piece[] = [];
  const add = (piece: string, hit: boolean): void => {
    if (piece !== '') pieces.push({ text: piece, hit });
  };
  let at = start;
  for (const [from, to] of found) {
    if (from < at || from >= end) continue;
    add(line.slice(at, from), false);
    add(line.slice(from, Math.min(to, end)), true);
    at = Math.min(to, end);
  }
  add(line.slice(at, end), false);
  if (start > 0) pieces.unshift({ text: '…', hit: false });
  if (end < line.length) pieces.push({ text: '…', hit: false });
  return pieces;
};
