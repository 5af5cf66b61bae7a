import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snippet } from '../src/core/snippet.ts';

/** The pieces as one text, with what was found in brackets. */
const shown = (text: string, wanted: string, length?: number): string =>
  snippet(text, wanted, length)
    .map(({ text: piece, hit }) => (hit ? `[${piece}]` : piece))
    .join('');

test('what was looked for is marked, without regard to case, accents and width', () => {
  assert.equal(shown('See you at NINE, or a nine-ish hour', 'nine'), 'See you at [NINE], or a [nine]-ish hour');
  assert.equal(shown('Até amanhã', 'ATE manha'), '[Até] a[manhã]');
  assert.equal(shown('ｂｏｂ wrote', 'bob'), '[ｂｏｂ] wrote');
  assert.equal(shown('明天上午九点在老桥见面', '老桥'), '明天上午九点在[老桥]见面');
  assert.equal(shown('nothing of it', ' ?! '), 'nothing of it');
});

test('a long text is cut around what was found first', () => {
  const long = `${'before '.repeat(40)}needle ${'after '.repeat(40)}`;
  const cut = shown(long, 'needle', 60);
  assert.match(cut, /^…(before )+\[needle\] (after ?)+[a-z]*…$/);
  assert.ok(cut.length < 70, cut);
  assert.equal(shown('short', 'short'), '[short]');
  assert.equal(shown('one\ntwo\n\nthree', 'two'), 'one [two] three');
});

test('no letter is cut in two, whatever it is made of', () => {
  for (let length = 4; length < 40; length += 1) {
    const text = snippet('🎭'.repeat(30) + 'x' + '🎭'.repeat(30), 'x', length);
    const all = text.map(({ text: piece }) => piece).join('');
    assert.doesNotMatch(all, /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/, String(length));
  }
});

test('pieces that overlap are one after the other, and together the text', () => {
  const pieces = snippet('aaaa banana', 'a aa ana');
  assert.equal(pieces.map(({ text }) => text).join(''), 'aaaa banana');
});
