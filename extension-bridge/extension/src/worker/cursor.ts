/** A small part of `chrome.storage`, so that tests can give their own. */
export interface Area {
  get(keys: string[]): Promise<Record<string, unknown>>;
  set(items: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
}

const LIVE = 'cursor';
const FLOOR = 'cursor.floor';

const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/**
 * How far the daemon's log was handled, in two cursors.
 *
 * The live cursor is in memory that outlives the service worker but not the browser.
 * The floor is on disk, and moves only while nothing is unread: after a restart of the browser the log
 * is replayed from there, which restores what is unread without a name or a text on disk.
 */
export class Cursor {
  readonly #session: Area;
  readonly #local: Area;
  #live: number | undefined;

  constructor(session: Area, local: Area) {
    this.#session = session;
    this.#local = local;
  }

  /** Where to subscribe from; undefined: from now on. */
  async load(): Promise<number | undefined> {
    const live = whole((await this.#session.get([LIVE]))[LIVE]);
    this.#live = live ?? whole((await this.#local.get([FLOOR]))[FLOOR]);
    return this.#live;
  }

  /**
   * Everything up to here was handled. A cursor never moves back.
   * `outcome` is the result, for the session: stored in one step with the cursor, so that a worker that is
   * stopped between the two cannot count an event twice.
   */
  async advance(to: number, nothingUnread: boolean, outcome: Record<string, unknown> = {}): Promise<void> {
    if (whole(to) === undefined) return;
    if (this.#live !== undefined && to < this.#live) return;
    this.#live = to;
    await this.#session.set({ ...outcome, [LIVE]: to });
    if (nothingUnread) await this.#local.set({ [FLOOR]: to });
  }

  /** Everything was read: a restarted browser starts from here. */
  async settle(): Promise<void> {
    if (this.#live !== undefined) await this.#local.set({ [FLOOR]: this.#live });
  }

  /** Another daemon, or a log that does not reach back: start over. */
  async reset(): Promise<void> {
    this.#live = undefined;
    await this.#session.remove([LIVE]);
    await this.#local.remove([FLOOR]);
  }
}
