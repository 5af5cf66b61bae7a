import type { Conversation, MethodName, Methods } from '../api/generated.ts';
import { everything } from '../core/lists.ts';
import { unreadKey, type Unread } from '../core/messages.ts';
import type { Timers } from './rpc.ts';

/** Events that come one after another are counted together, in milliseconds. */
const SOON = 50;
/** What changed while it was counted, or could not be counted, is counted again after this, in milliseconds. */
const AGAIN = 1000;

export interface CounterParts {
  call<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']>;
  /** What the session may do, and for which personas; null: all. */
  session(): { readonly grants: readonly string[]; readonly personas: readonly string[] | null };
  readonly timers: Timers;
}

interface Counted {
  readonly unread: Record<string, number>;
  readonly muted: Set<string>;
  /** Of those that are not muted. */
  total: number;
}

const nothing = (): Counted => ({ unread: {}, muted: new Set(), total: 0 });

/**
 * What is unread, as the daemon counts it: what is read on the command line, or in another browser, is read here, too.
 * Nothing of it is kept here; each event only says that it is to be counted again.
 */
export class UnreadCounter {
  onChange: (unread: Unread, total: number) => void = () => {};
  readonly #parts: CounterParts;
  #counted = nothing();
  #isKnown = false;
  #timer: number | undefined;
  #running: Promise<void> | undefined;
  #stale = false;
  /** Grows when what was counted belongs to nobody any more. */
  #turn = 0;

  constructor(parts: CounterParts) {
    this.#parts = parts;
  }

  get unread(): Unread {
    return this.#counted.unread;
  }

  /** Counts soon. */
  soon(after = SOON): void {
    if (this.#running !== undefined) this.#stale = true;
    else
      this.#timer ??= this.#parts.timers.set(() => {
        this.#timer = undefined;
        void this.now();
      }, after);
  }

  /** Counts now. What it cannot learn stays as it was. */
  now(): Promise<void> {
    this.#running ??= this.#count().finally(() => {
      this.#running = undefined;
      if (!this.#stale) return;
      this.#stale = false;
      this.soon();
    });
    return this.#running;
  }

  /** Whether this conversation may call for attention. */
  async isLoud(persona: string, contact: string): Promise<boolean> {
    if (!this.#isKnown) await this.now();
    return !this.#counted.muted.has(unreadKey(persona, contact));
  }

  /** Nobody is there who could read: nothing is known any more. */
  forget(): void {
    this.#turn += 1;
    if (this.#timer !== undefined) this.#parts.timers.clear(this.#timer);
    this.#timer = undefined;
    this.#counted = nothing();
    this.#isKnown = false;
    this.onChange(this.#counted.unread, 0);
  }

  async #count(): Promise<void> {
    const turn = this.#turn;
    const { grants, personas } = this.#parts.session();
    if (!grants.includes('messages.read')) return;
    try {
      const known = grants.includes('contacts.read')
        ? (await everything(this.#parts, 'persona.list', {})).map(({ name }) => name)
        : (personas ?? []);
      const counted = nothing();
      for (const persona of known)
        for (const one of await everything(this.#parts, 'conversation.list', { persona })) add(counted, persona, one);
      if (turn !== this.#turn) return;
      const isNew = !this.#isKnown || JSON.stringify(counted) !== JSON.stringify(this.#counted);
      this.#counted = counted;
      this.#isKnown = true;
      if (isNew) this.onChange(counted.unread, counted.total);
    } catch {
      // A connection that broke counts when it is back; what else went wrong may be over by then.
      if (turn === this.#turn) this.#parts.timers.set(() => this.soon(), AGAIN);
    }
  }
}

const add = (counted: Counted, persona: string, { contact, unread, muted }: Conversation): void => {
  const key = unreadKey(persona, contact);
  if (muted === true) counted.muted.add(key);
  if (unread === 0) return;
  counted.unread[key] = unread;
  if (muted !== true) counted.total += unread;
};
