/** A game has a secret fair bit in every trial, and an attack that guesses it from what a page measured. */
import { randomInt } from 'node:crypto';

/** What a page measured of one trial, by name. */
export type Measured = Readonly<Record<string, number>>;

export interface Trial {
  readonly bit: boolean;
  readonly measured: Measured;
}

/** How an attack did: twice the chance that it is right, less one, with the exact 95 % interval. */
export interface Result {
  readonly attack: string;
  readonly right: number;
  readonly trials: number;
  readonly advantage: number;
  readonly low: number;
  readonly high: number;
}

export const coin = (): boolean => randomInt(2) === 1;

/** The chance of at most `right` successes in `trials`, each with chance `p`. */
const atMost = (right: number, trials: number, p: number): number => {
  if (p <= 0) return 1;
  if (p >= 1) return right >= trials ? 1 : 0;
  let term = trials * Math.log1p(-p);
  let sum = Math.exp(term);
  for (let k = 1; k <= right; k += 1) {
    term += Math.log((trials - k + 1) / k) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(term);
  }
  return Math.min(sum, 1);
};

/** Where a falling function of [0, 1] reaches a value. */
const reaches = (falling: (p: number) => number, value: number): number => {
  let [low, high] = [0, 1];
  for (let turn = 0; turn < 60; turn += 1) {
    const middle = (low + high) / 2;
    if (falling(middle) > value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

/** The interval of Clopper and Pearson for the chance behind `right` of `trials`; outside of it with chance `miss` at most. */
export const interval = (right: number, trials: number, miss: number): [low: number, high: number] => [
  right === 0 ? 0 : 1 - reaches((p) => atMost(trials - right, trials, p), miss / 2),
  right === trials ? 1 : reaches((p) => atMost(right, trials, p), miss / 2),
];

/** Guesses by one number: above a threshold it is one bit, below the other. Equal to it, a coin decides. */
const tune = (trials: readonly Trial[], name: string): ((measured: Measured) => boolean) => {
  const values = [...new Set(trials.map(({ measured }) => measured[name] ?? 0))].sort((one, other) => one - other);
  let best = { right: -1, threshold: 0, above: true };
  for (const [at, value] of values.entries()) {
    const threshold = at === 0 ? value : (value + (values[at - 1] ?? value)) / 2;
    const right = trials.filter(({ bit, measured }) => (measured[name] ?? 0) > threshold === bit).length;
    for (const above of [true, false]) {
      const count = above ? right : trials.length - right;
      if (count > best.right) best = { right: count, threshold, above };
    }
  }
  return (measured) => {
    const value = measured[name] ?? 0;
    // Where all are alike there is nothing to tell them apart by.
    if (values.length < 2) return coin();
    return value > best.threshold === best.above;
  };
};

/** Tunes one attack for each thing that was measured, and plays them on other trials. The interval is for all of them together. */
export const play = (training: readonly Trial[], trials: readonly Trial[]): Result[] => {
  const names = Object.keys(trials[0]?.measured ?? {});
  return names.map((attack) => judge(attack, trials, tune(training, attack), names.length));
};

/** How a guess did that needs no tuning, as one of several attacks. */
export const judge = (
  attack: string,
  trials: readonly Trial[],
  guess: (measured: Measured) => boolean,
  attacks = 1,
): Result => {
  const right = trials.filter(({ bit, measured }) => guess(measured) === bit).length;
  const [low, high] = interval(right, trials.length, 0.05 / attacks);
  const advantage = (2 * right) / trials.length - 1;
  return { attack, right, trials: trials.length, advantage, low: 2 * low - 1, high: 2 * high - 1 };
};

export const table = (title: string, results: readonly Result[]): string =>
  [
    `${title}: attack, right of trials, advantage [95 % interval, for all attacks together]`,
    ...results.map(
      ({ attack, right, trials, advantage, low, high }) =>
        `  ${attack.padEnd(10)} ${right} of ${trials}  ${advantage.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`,
    ),
  ].join('\n');
