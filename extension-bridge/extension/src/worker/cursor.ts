/** A small part of `chrome.storage`, so that tests can give their own. */
export interface Area {
  get(keys: string[]): Promise<Record<string, unknown>>;
  set(items: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
}

const CURSOR = 'cursor';

const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/**
 * How far the daemon's log was handled, in memory that outlives the service worker but not the browser.
 *
 * A worker that was stopped continues from there, so that nobody misses a notification, and none comes twice. A browser
 * that was closed begins with what comes then: what is unread is read from the daemon.
 */
export class Cursor {
  readonly #session: Area;
  #at: number | undefined;

  constructor(session: Area) {
    this.#session = session;
  }

  /** Where to subscribe from; undefined: from now on. */
  async load(): Promise<number | undefined> {
    this.#at = whole((await this.#session.get([CURSOR]))[CURSOR]);
    return this.#at;
  }

  /** Everything up to here was handled. A cursor never moves back. */
  async advance(to: number): Promise<void> {
    if (whole(to) === undefined) return;
    if (this.#at !== undefined && to < this.#at) return;
    this.#at = to;
    await this.#session.set({ [CURSOR]: to });
  }

  /** Another daemon, or a log that does not reach back: start over. */
  async reset(): Promise<void> {
    this.#at = undefined;
    await this.#session.remove([CURSOR]);
  }
}
