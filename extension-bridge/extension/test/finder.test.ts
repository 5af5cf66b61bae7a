import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPayloads, fromLink, MAX_FOUND, MAX_TEXT, mayHold } from '../src/content/finder.ts';

const V37 = '🎼6/8|AZcBAqNhYmM+/w==:||';
const V38 = '🎼4/4|a+/b|c==|d|_|e|1|dHdpdHRlci5jb20vYm9i:||';
const LINK2 = 'https://mask.io/?PostData_v2=AZcBAqNhYmMAZcBAqNhYmMAZcBAqNhYmM%2B%2Fw%3D%3D';
const LINK1 = 'https://mask.io/?PostData_v1=%204/4.a-/b.c_=.d._.e.1.dHdp%40';

test('every codec is found among words', () => {
  for (const payload of [V37, V38, LINK1, LINK2]) {
    const text = `Read this: ${payload} with Mask.`;
    assert.equal(mayHold(text), true);
    const [found] = findPayloads(text);
    assert.equal(found?.payload, payload);
    assert.equal(text.slice(found?.start, found?.end), payload);
  }
});

test('what cannot belong to a payload ends a link', () => {
  const behind = ['.', ',', ')', ']', '"', "'s", '!', '?', ';', ':', '&fbclid=IwAR0', '&utm_source=x&b=%20%40', '#top'];
  const marks = ['%E2%80%8B', '%EF%BB%BF', '%2e', '\u200b', '\ufeff', '\u2060', '\u2026', '\u201d', ' '];
  for (const payload of [LINK1, LINK2])
    for (const tail of [...behind, ...marks, '=', '%3D']) {
      assert.equal(fromLink(payload + tail), payload, tail);
      assert.deepEqual(
        findPayloads(`(${payload}${tail}`).map((one) => one.payload),
        [payload],
        tail,
      );
    }
});

test('several are found in order', () => {
  const found = findPayloads(`${LINK2} and ${V37} and ${V38}\n${LINK1}`);
  assert.deepEqual(
    found.map((one) => one.payload),
    [LINK2, V37, V38, LINK1],
  );
});

test('a note that begins nothing does not hide the next', () => {
  assert.equal(findPayloads(`🎼 la la 🎼🎼${V37}`)[0]?.payload, V37);
  assert.equal(findPayloads(`🎼6/8|not base64!:|| ${V38}`)[0]?.payload, V38);
});

test('what only looks like one is left alone', () => {
  for (const text of [
    '',
    '🎼',
    '🎼:||',
    ':||',
    '🎼abc:||',
    'https://mask.io/',
    'https://mask.io/?PostData_v2=',
    'https://mask.io/?PostData_v3=AAAA',
    'https://evil.example/?PostData_v2=AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    `${LINK1.slice(0, -3)}`,
  ]) {
    assert.deepEqual(findPayloads(text), [], text);
  }
});

test('what is no character of a link ends nothing in one', () => {
  for (const odd of ['\ud800', '\udc00', '\u0000', '\u202e', '\u00e9'])
    assert.equal(fromLink(LINK1.replace('4/4', odd)), undefined);
  assert.deepEqual(
    findPayloads(`🎼6/8|\ud800:|| \ud83c🎼 ${V37}`).map((one) => one.payload),
    [V37],
  );
});

test('a cut link holds nothing', () => {
  assert.deepEqual(findPayloads('https://mask.io/?PostData_v2=AZcBAq…'), []);
  assert.equal(fromLink(LINK2.slice(0, 40)), undefined);
});

test('length and number are bounded', () => {
  assert.equal(findPayloads(V37.repeat(1000)).length, MAX_FOUND);
  assert.deepEqual(findPayloads(' '.repeat(MAX_TEXT) + V37), []);
});

test('hostile text costs linear time', () => {
  const started = performance.now();
  for (const text of [
    '🎼'.repeat(500_000),
    '🎼:||'.repeat(200_000),
    '🎼4/4|a'.repeat(100_000),
    'https://mask.io/?PostData_v2= '.repeat(50_000),
    ':||'.repeat(400_000),
  ]) {
    findPayloads(text);
  }
  assert.ok(performance.now() - started < 2000);
});

test('random cuts of a page never throw, and what is found is in the text', () => {
  const page = `x ${V37} 🎼 ${LINK1} ${V38} ${LINK2} :|| y`;
  for (let at = 0; at < 2000; at += 1) {
    const start = (at * 7919) % page.length;
    const text = page.slice(start, start + ((at * 104729) % page.length)) + page.slice(0, start);
    for (const one of findPayloads(text)) assert.equal(text.slice(one.start, one.end), one.payload);
  }
});
