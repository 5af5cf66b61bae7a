import { LIMITS, type DecryptedPost, type SocialNetwork } from '../api/generated.ts';
import { failureFrom } from '../core/failure.ts';
import { isTicketName, MAX_PAYLOAD, type Opened, type TicketKind } from '../core/tickets.ts';

/** Posts opened at a time, over all tabs: each costs the daemon a slow hash. */
export const MAX_OPENING = 2;
/** Posts that wait to be opened, over all tabs; past it the oldest is held until the user asks for it. */
export const MAX_QUEUE = 200;
/** Tickets that one tab can hold. */
export const MAX_TICKETS = 500;
/** Keys looked up through the mixnet without a click, per site and minute; further ones need a click. */
export const AUTO_LOOKUPS = 6;
/** Posts opened without a click, per site and minute; further ones need a click, so an endless page costs no more. */
export const AUTO_OPENINGS = 300;
const MINUTE = 60_000;
/** Longer than the daemon's own limit for a lookup. */
const LOOKUP_TIMEOUT = LIMITS.lookup_ms + 30_000;

export interface Ticket {
  readonly kind: TicketKind;
  readonly tab: number;
  readonly frame: number;
  readonly origin: string;
  readonly payload: string;
}

export type Decrypt = (
  params: { text: string; offline: boolean; network?: SocialNetwork },
  timeout: number,
) => Promise<DecryptedPost>;

/** The network of a site, where Mask knows it. */
export const networkOf = (origin: string): SocialNetwork | undefined => {
  const host = new URL(origin).hostname;
  const is = (domain: string): boolean => host === domain || host.endsWith(`.${domain}`);
  if (is('twitter.com') || is('x.com')) return 'twitter';
  if (is('facebook.com')) return 'facebook';
  if (is('minds.com')) return 'minds';
  if (is('instagram.com')) return 'instagram';
  return undefined;
};

/** Tickets: what a content script may have shown, each tied to the tab it was asked from. */
export class Tickets {
  readonly #tickets = new Map<string, Ticket>();
  readonly #perTab = new Map<number, number>();

  /** Undefined when the tab holds too many already, the payload is too long, or the name is another's. */
  give(ticket: Ticket, name: string = crypto.randomUUID()): string | undefined {
    const held = this.#perTab.get(ticket.tab) ?? 0;
    if (held >= MAX_TICKETS || ticket.payload.length > MAX_PAYLOAD || this.#tickets.has(name) || !isTicketName(name))
      return undefined;
    this.#tickets.set(name, ticket);
    this.#perTab.set(ticket.tab, held + 1);
    return name;
  }

  /** The ticket, if the asking frame is in the tab that got it. */
  take(name: unknown, tab: number | undefined, kind: Ticket['kind']): Ticket | undefined {
    const ticket = typeof name === 'string' ? this.#tickets.get(name) : undefined;
    return ticket !== undefined && ticket.tab === tab && ticket.kind === kind ? ticket : undefined;
  }

  drop(name: string): void {
    const ticket = this.#tickets.get(name);
    if (ticket === undefined) return;
    this.#tickets.delete(name);
    const held = (this.#perTab.get(ticket.tab) ?? 1) - 1;
    if (held > 0) this.#perTab.set(ticket.tab, held);
    else this.#perTab.delete(ticket.tab);
  }

  dropTab(tab: number): void {
    for (const [name, ticket] of [...this.#tickets]) if (ticket.tab === tab) this.drop(name);
  }
}

interface Job {
  readonly ticket: Ticket;
  readonly tell: (opened: Opened) => void;
  readonly asked: boolean;
  gone: boolean;
}

/** Opens posts, few at a time: first with what is on this machine, then through the mixnet within the allowance. */
export class Opener {
  readonly #decrypt: Decrypt;
  readonly #now: () => number;
  readonly #queue: Job[] = [];
  readonly #lookups = new Map<string, number[]>();
  readonly #openings = new Map<string, number[]>();
  #running = 0;

  constructor(decrypt: Decrypt, now: () => number = Date.now) {
    this.#decrypt = decrypt;
    this.#now = now;
  }

  /** `asked`: the user clicked, so the allowance does not count. Returns a function that cancels the job. */
  open(ticket: Ticket, asked: boolean, tell: (opened: Opened) => void): () => void {
    const job: Job = { ticket, tell, asked, gone: false };
    tell({ state: 'waiting' });
    // What a user asked for is first; otherwise the newest, which is on the screen now.
    this.#queue.unshift(job);
    while (this.#queue.length > MAX_QUEUE) this.#queue.pop()?.tell({ state: 'held' });
    this.#next();
    return () => {
      job.gone = true;
      const at = this.#queue.indexOf(job);
      if (at !== -1) this.#queue.splice(at, 1);
    };
  }

  #next(): void {
    while (this.#running < MAX_OPENING) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#running += 1;
      void this.#run(job).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #run(job: Job): Promise<void> {
    const tell = (opened: Opened): void => {
      if (!job.gone) job.tell(opened);
    };
    const text = job.ticket.payload;
    if (!job.asked && !this.#allowed(this.#openings, job.ticket.origin, AUTO_OPENINGS)) {
      tell({ state: 'held' });
      return;
    }
    try {
      tell({ state: 'open', post: await this.#decrypt({ text, offline: true }, LOOKUP_TIMEOUT) });
      return;
    } catch (error) {
      const failure = failureFrom(error);
      if (failure.code !== 'post.not_shared') {
        tell({ state: 'failed', error: failure.toJSON() });
        return;
      }
    }
    if (job.gone) return;
    if (!job.asked && !this.#allowed(this.#lookups, job.ticket.origin, AUTO_LOOKUPS)) {
      tell({ state: 'ask' });
      return;
    }
    tell({ state: 'looking' });
    const network = networkOf(job.ticket.origin);
    // A lookup waits for the mixnet; the place of a slow hash is free meanwhile.
    this.#running -= 1;
    this.#next();
    try {
      tell({
        state: 'open',
        post: await this.#decrypt(
          { text, offline: false, ...(network === undefined ? {} : { network }) },
          LOOKUP_TIMEOUT,
        ),
      });
    } catch (error) {
      tell({ state: 'failed', error: failureFrom(error).toJSON() });
    } finally {
      this.#running += 1;
    }
  }

  /** Counts one against an allowance per site and minute. */
  #allowed(times: Map<string, number[]>, origin: string, most: number): boolean {
    const now = this.#now();
    const recent = (times.get(origin) ?? []).filter((at) => now - at < MINUTE);
    if (recent.length >= most) return false;
    recent.push(now);
    times.set(origin, recent);
    return true;
  }
}
