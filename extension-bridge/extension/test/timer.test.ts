import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, type Disappearing } from '../src/api/generated.ts';
import { timerChoices, timerMissing, timerWords } from '../src/panel/timer.ts';

(globalThis as { chrome?: unknown }).chrome = {
  i18n: {
    getUILanguage: () => 'en',
    getMessage: (key: string, parts: string[] = []) => (key === 'language' ? 'en' : [key, ...parts].join(' ')),
  },
};

const NAME = '\u2068bob\u2069';

/** What is said of it, and what is missing. */
const said = (shown: Disappearing): string => [timerWords(shown), timerMissing(shown, 'bob') ?? ''].join(' ').trim();

test('what each side wants is among the choices, and the longest comes first', () => {
  const usual = [0, 2_419_200, 604_800, 86_400, 28_800, 3_600, 300, 30];
  assert.deepEqual(timerChoices({}), usual);
  assert.deepEqual(timerChoices({ own: 3_600, theirs: 30 }), usual);
  assert.deepEqual(
    timerChoices({ own: 60, theirs: 31_557_600 }),
    [0, 31_557_600, 2_419_200, 604_800, 86_400, 28_800, 3_600, 300, 60, 30],
  );
  // What the daemon would refuse cannot be chosen.
  for (const one of usual.slice(1)) assert.ok(one >= LIMITS.min_timer && one <= LIMITS.max_timer, String(one));
});

test('offered, asked for, agreed, and not heard of yet are told apart', () => {
  for (const [shown, words] of [
    [{ own: 3_600, untold: true }, `messagesStay timersDiffer 1 hour timerOff timerUntold timerPending ${NAME}`],
    [{ own: 3_600 }, `messagesStay timersDiffer 1 hour timerOff timerPending ${NAME}`],
    [{ theirs: 3_600 }, `messagesStay timersDiffer timerOff 1 hour timerOffered ${NAME}`],
    [{ own: null, theirs: 30 }, `messagesStay timersDiffer timerOff 30 seconds timerOffered ${NAME}`],
    [{ after: 3_600, own: 30, theirs: 3_600 }, 'messagesDisappear 1 hour timersDiffer 30 seconds 1 hour'],
    [{ after: 3_600, own: 3_600, theirs: 3_600 }, 'messagesDisappear 1 hour'],
    [{ own: null, untold: true }, 'messagesStay timerUntold'],
  ] as const)
    assert.equal(said(shown), words);
});
