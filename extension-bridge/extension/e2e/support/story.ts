import { test } from 'node:test';

/** After this many milliseconds a step fails: something hangs that has no deadline of its own. */
const LONGEST = 300_000;

/** Tests of one file that build on each other: after the first failure, the others are skipped. */
export class Story {
  #failed: string | undefined;
  readonly #onFailure: (name: string) => Promise<void>;

  /** `onFailure` may take pictures for whoever looks into it. */
  constructor(onFailure: (name: string) => Promise<void> = async () => {}) {
    this.#onFailure = onFailure;
  }

  step(name: string, run: () => Promise<void>): void {
    test(name, { timeout: LONGEST }, async (context) => {
      if (this.#failed !== undefined) {
        context.skip(`after the failure of: ${this.#failed}`);
        return;
      }
      try {
        await run();
      } catch (error) {
        this.#failed = name;
        await this.#onFailure(name).catch(() => undefined);
        throw error;
      }
    });
  }
}
