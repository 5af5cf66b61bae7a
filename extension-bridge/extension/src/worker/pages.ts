import { LIMITS, type CheckedPost, type DecryptedPost, type SocialNetwork } from '../api/generated.ts';
import { failureFrom } from '../core/failure.ts';
import { isTicketName, MAX_PAYLOAD, type Opened, type TicketKind, type Way } from '../core/tickets.ts';

/** Posts opened at a time, over all tabs: each costs the daemon a slow hash. */
export const MAX_OPENING = 2;
/** Posts that wait to be opened, over all tabs; past it the oldest is held until a person asks for it. */
export const MAX_QUEUE = 200;
/** Tickets that one tab can hold. */
export const MAX_TICKETS = 500;
/** Keys looked up through the mixnet without a click, per site and minute. */
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

interface Question {
  readonly text: string;
  readonly network?: SocialNetwork;
}

/** The methods of the daemon that open posts. */
export interface Daemon {
  check(params: Question): Promise<CheckedPost>;
  decrypt(params: Question & { offline: boolean; site?: string }, timeout: number): Promise<DecryptedPost>;
}

const DOMAINS: Readonly<Record<SocialNetwork, readonly [string, ...string[]]>> = {
  twitter: ['twitter.com', 'x.com'],
  facebook: ['facebook.com'],
  minds: ['minds.com'],
  instagram: ['instagram.com'],
};

/** The network of a site, where Mask knows it. */
export const networkOf = (origin: string): SocialNetwork | undefined => {
  const host = new URL(origin).hostname;
  for (const [network, domains] of Object.entries(DOMAINS))
    if (domains.some((domain) => host === domain || host.endsWith(`.${domain}`))) return network as SocialNetwork;
  return undefined;
};

/** Whether a post names an author whose key is known, with a profile on the network that the site is. */
const isByKnown = (post: CheckedPost, origin: string): boolean => {
  const network = networkOf(origin);
  return (
    network !== undefined &&
    post.author_known &&
    post.author_name != null &&
    post.author?.startsWith(`person:${DOMAINS[network][0]}/`) === true
  );
};

/**
 * Whether a post may open on a site without a click. A page chooses its posts: what it shows and what happens then may
 * tell it who can read them, and so who is looking. Where a post was opened first, its site knows that already.
 */
export const opensByItself = (post: CheckedPost, origin: string): boolean =>
  post.public || post.first_site === origin || isByKnown(post, origin);

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

  /** The ticket, if it is for the tab that a frame is in, or that a window writes for. */
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
  readonly way: Way;
  gone: boolean;
}

/** Opens posts, few at a time: what nobody asked for only where that tells the page nothing. */
export class Opener {
  readonly #daemon: Daemon;
  readonly #now: () => number;
  readonly #queue: Job[] = [];
  readonly #lookups = new Map<string, number[]>();
  readonly #openings = new Map<string, number[]>();
  /** Sites on which a person asked for a key since the worker was started. */
  readonly #fetched = new Set<string>();
  #running = 0;

  constructor(daemon: Daemon, now: () => number = Date.now) {
    this.#daemon = daemon;
    this.#now = now;
  }

  /** What a person asks for counts against no allowance. Returns a function that cancels the job. */
  open(ticket: Ticket, way: Way, tell: (opened: Opened) => void): () => void {
    const job: Job = { ticket, tell, way, gone: false };
    tell({ state: 'waiting' });
    // What a person asked for is first; otherwise the newest, which is on the screen now.
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
    try {
      tell(await this.#here(job));
    } catch (error) {
      const failure = failureFrom(error);
      if (failure.code !== 'post.not_shared') {
        tell({ state: 'failed', error: failure.toJSON() });
        return;
      }
      if (job.gone) return;
      const { origin } = job.ticket;
      if (job.way === 'open' || (job.way === 'shown' && !this.#mayLookUp(origin))) {
        tell({ state: 'ask' });
        return;
      }
      tell({ state: 'looking' });
      // A lookup waits for the mixnet; the place of a slow hash is free meanwhile.
      this.#running -= 1;
      this.#next();
      if (job.way === 'fetch') this.#fetched.add(origin);
      await this.#decrypt(job, false)
        .then(tell, (reason: unknown) => tell({ state: 'failed', error: failureFrom(reason).toJSON() }))
        .finally(() => (this.#running += 1));
    }
  }

  /** Opens it with what is on this machine. Throws `post.not_shared` where a lookup may help. */
  async #here(job: Job): Promise<Opened> {
    const { origin } = job.ticket;
    if (job.way === 'shown') {
      if (!this.#allowed(this.#openings, origin, AUTO_OPENINGS)) return { state: 'held' };
      const checked = await this.#daemon.check(question(job.ticket));
      if (!opensByItself(checked, origin)) return { state: 'closed' };
      if (checked.needs === 'profile') return { state: 'ask' };
    }
    return this.#decrypt(job, true);
  }

  async #decrypt(job: Job, offline: boolean): Promise<Opened> {
    const { origin } = job.ticket;
    const site = origin.length <= LIMITS.max_site ? { site: origin } : {};
    const params = { ...question(job.ticket), offline, ...site };
    return { state: 'open', post: await this.#daemon.decrypt(params, LOOKUP_TIMEOUT) };
  }

  /** A lookup shows whoever listens at the Gun relays that somebody is here: the first one on a site needs a click. */
  #mayLookUp(origin: string): boolean {
    return this.#fetched.has(origin) && this.#allowed(this.#lookups, origin, AUTO_LOOKUPS);
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

const question = ({ payload, origin }: Ticket): Question => {
  const network = networkOf(origin);
  return { text: payload, ...(network === undefined ? {} : { network }) };
};
