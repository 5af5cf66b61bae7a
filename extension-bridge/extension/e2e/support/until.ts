import assert from 'node:assert/strict';

/** How long a condition may take before a test gives up, in seconds. Generous: the machine may be busy. */
export const PATIENCE = 150;

const PAUSE = 100;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE));

/**
 * Asks repeatedly until there is an answer, and returns it. `undefined`, `false` and an exception are not answers.
 * At the deadline it throws, with the last exception.
 */
export const until = async <T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = PATIENCE,
): Promise<T> => {
  const deadline = Date.now() + seconds * 1000;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline)
      throw new Error(`not within ${seconds} s: ${what}${cause instanceof Error ? `\n${cause.message}` : ''}`);
    await pause();
  }
};

/** Waits until what is asked for equals what is expected; at the deadline it shows the difference. */
export const settles = async <T>(ask: () => Promise<T>, expected: T): Promise<void> => {
  await until('what is expected', async () => {
    assert.deepEqual(await ask(), expected);
    return true;
  });
};
