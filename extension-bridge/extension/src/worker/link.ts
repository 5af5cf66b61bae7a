import {
  LIMITS,
  type Event,
  type Grant,
  type MethodName,
  type Methods,
  type RpcError,
  type Session,
} from '../api/generated.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import type { LinkState, Stage } from '../core/messages.ts';
import type { Area, Cursor } from './cursor.ts';
import { loadKey, proveSession, publicKeyOf, type KeyStore } from './pairing.ts';
import { RpcClient, type Timers, type Wire } from './rpc.ts';
import { isLocked, isOver, stageOf, stageOfReason } from './stages.ts';

const PAIRED = 'pairing.id';
const PENDING = 'pairing.pending';
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;
/** While somebody looks at a page of the extension, it tries at least this often. */
const WATCHED_PAUSE = 3000;

export interface Handlers {
  frame(frame: unknown): void;
  closed(reason: string): void;
}

export interface LinkParts {
  open(handlers: Handlers): Wire;
  readonly keys: KeyStore;
  readonly local: Area;
  readonly session: Area;
  readonly cursor: Cursor;
  readonly timers: Timers;
  /** What the host names as this extension's origin. */
  readonly origin: string;
  readonly client: string;
  now(): number;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/**
 * The one connection to the daemon: hello, pairing, proof of the key, events from the cursor, and again after every loss.
 *
 * Every step waits for an answer, and meanwhile the port may close, somebody may press "try again", or the browser may
 * stop the worker. So each connection is an attempt with a number, and whatever comes back after a wait first looks
 * whether its attempt is still the current one; what an older attempt still says changes nothing.
 *
 * After a loss the next attempt follows after a pause that doubles from one second to a minute: the host is a new process
 * each time, and a daemon that does not run should cost nothing. The pause is shorter while a page of the extension is
 * open, and none when one is opened or somebody presses the button. Between attempts the stage stays what the last one
 * found, so that what is on the screen does not flicker. Without a port the browser stops the worker after half a
 * minute and the timer with it; the alarm of `worker.ts` goes on from there.
 *
 * The id of the pairing is on disk. The id of one that was only asked for is in the session's memory: a worker that was
 * stopped while the user typed the code finds it there, and proves the key as soon as it is approved. One that is paired
 * may ask for more: the daemon then ends the pairing before, with its connections, and the next one proves the new one.
 *
 * A locked daemon keeps the connection, and ends it when it is unlocked.
 *
 * Events are handled one after the other, and the cursor moves after each.
 */
export class Link {
  onState: (state: LinkState) => void = () => {};
  /** Called in order, one at a time; the cursor moves on when it is done. */
  onEvent: (event: Event) => Promise<void> = async () => {};
  onReload: () => void = () => {};
  /** A new pairing was made: what the session keeps belongs to the one before. */
  onPaired: () => Promise<void> = async () => {};
  readonly #parts: LinkParts;
  #state: LinkState = { stage: 'connecting', grants: [], personas: null };
  #rpc: RpcClient | undefined;
  #attempt = 0;
  #failures = 0;
  #timer: number | undefined;
  #expiry: number | undefined;
  #watched = 0;
  #events: Promise<void> = Promise.resolve();
  /** Calls that wait until it is known whether there is a connection. */
  readonly #decided: Array<() => void> = [];
  #last: Failure | undefined;
  #pending: string | undefined;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Does something in sequence with the events: after those that came so far, and before the next. */
  inLine(step: () => Promise<void> = async () => {}): Promise<void> {
    // What fails must not stop what comes after it.
    this.#events = this.#events.then(step).catch(() => undefined);
    return this.#events;
  }

  /** A page of the extension was opened (+1) or closed (-1). */
  watch(change: 1 | -1): void {
    this.#watched += change;
    if (change === 1 && this.#rpc === undefined) this.retry();
  }

  /** Connects now, when there is no connection; `evenLocked`: also when there is one, to a locked daemon. */
  retry(evenLocked = false): void {
    if (this.#rpc !== undefined && !(evenLocked && this.#state.stage === 'locked')) return;
    this.#clear();
    this.#drop();
    void this.#connect();
  }

  /** Waits for a connection that is being made. Throws a `Failure`. */
  async call<M extends MethodName>(
    method: M,
    params: Methods[M]['params'],
    timeout?: number,
  ): Promise<Methods[M]['result']> {
    if (this.#state.stage === 'connecting') await new Promise<void>((resolve) => this.#decided.push(resolve));
    const rpc = this.#rpc;
    if (rpc === undefined || this.#state.stage !== 'ready') {
      throw new Failure(
        this.#state.failure ?? {
          code: 'daemon.unreachable',
          message: 'There is no connection to the daemon.',
          hint: 'bauta up',
          retry: 'later',
        },
      );
    }
    return rpc.call(method, params, timeout);
  }

  /** Asks the daemon for a pairing code. The answer to it comes as a state. */
  async pair(label: string, grants: readonly Grant[]): Promise<void> {
    const rpc = this.#rpc;
    const open: Stage[] = ['unpaired', 'refused', 'expired', 'revoked', 'ready'];
    if (rpc === undefined || !open.includes(this.#state.stage)) return;
    const attempt = this.#attempt;
    try {
      const pair = await loadKey(this.#parts.keys);
      const drawn = await rpc.call('pair.request', {
        key: await publicKeyOf(pair),
        label: label.slice(0, LIMITS.max_name),
        grants: [...grants],
      });
      if (attempt !== this.#attempt) return;
      this.#pending = drawn.id;
      await this.#parts.session.set({ [PENDING]: drawn.id });
      const waits = { code: drawn.code, expiresAt: drawn.expires_at, asked: grants };
      this.#enter({ ...(this.#state.stage === 'ready' ? this.#ready() : this.#unpaired('pairing')), ...waits });
      this.#clearExpiry();
      const left = Date.parse(drawn.expires_at) - this.#parts.now();
      this.#expiry = this.#parts.timers.set(
        () => void this.#endPairing('expired'),
        Math.min(Math.max(left, 0) || 0, LIMITS.code_ms),
      );
    } catch (error) {
      if (attempt === this.#attempt) this.#enter({ ...this.#state, failure: failureFrom(error).toJSON() });
    }
  }

  async #connect(): Promise<void> {
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#last = undefined;
    const { failure } = this.#state;
    // A state with an explanation stays until there is a better one.
    if (this.#failures === 0 || failure === undefined) this.#enter({ stage: 'connecting', grants: [], personas: null });
    let rpc: RpcClient;
    try {
      const wire = this.#parts.open({
        frame: (frame) => {
          if (attempt === this.#attempt) this.#rpc?.receive(frame);
        },
        closed: (reason) => {
          if (attempt === this.#attempt) this.#lost(reason);
        },
      });
      rpc = new RpcClient(wire, this.#parts.timers);
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#rpc = rpc;
    rpc.onBroken = (broken) => {
      this.#last = broken;
    };
    rpc.onNotification = (method, params) => {
      if (attempt === this.#attempt) this.#notified(method, record(params));
    };
    try {
      const welcome = await rpc.call('hello', { protocol: LIMITS.protocol, features: [], client: this.#parts.client });
      if (attempt !== this.#attempt) return;
      await this.#enterSession(rpc, attempt, welcome.version);
    } catch (error) {
      if (attempt !== this.#attempt || this.#rpc !== rpc) return;
      const failure = failureFrom(error);
      if (isLocked(failure)) {
        this.#failures = 0;
        this.#enter({ stage: 'locked', grants: [], personas: null, failure: failure.toJSON() });
        return;
      }
      this.#last = failure;
      this.#lost('');
      rpc.close();
    }
  }

  async #enterSession(rpc: RpcClient, attempt: number, version: string): Promise<void> {
    const kept = (await this.#parts.local.get([PAIRED]))[PAIRED];
    const pending = (await this.#parts.session.get([PENDING]))[PENDING];
    // What was asked for last comes first: where it was approved, the one before is over.
    const ids = [pending, kept].filter((id) => typeof id === 'string');
    let over: Failure | undefined;
    for (const id of ids) {
      let session: Session;
      try {
        session = await proveSession(rpc, this.#parts, id);
      } catch (error) {
        over = failureFrom(error);
        // A fresh challenge was signed: that it does not fit means that this key is not the paired one.
        if (!isOver(over)) throw over;
        continue;
      }
      if (attempt === this.#attempt) await this.#entered(rpc, attempt, { id, isNew: id !== kept, session, version });
      return;
    }
    if (attempt !== this.#attempt) return;
    // Somebody who has proven nothing is told, too, that the daemon is locked.
    if (over === undefined) {
      await rpc.call('status.get', {}).catch((error: unknown) => {
        if (!isOver(failureFrom(error))) throw error;
      });
      if (attempt !== this.#attempt) return;
    }
    this.#failures = 0;
    await this.#parts.session.remove([PENDING]);
    this.#enter(
      typeof kept === 'string' && over !== undefined
        ? { stage: 'revoked', grants: [], personas: null, version, failure: over.toJSON() }
        : { stage: 'unpaired', grants: [], personas: null, version },
    );
  }

  async #entered(
    rpc: RpcClient,
    attempt: number,
    { id, isNew, session, version }: { id: string; isNew: boolean; session: Session; version: string },
  ): Promise<void> {
    if (isNew) {
      await this.#parts.local.set({ [PAIRED]: id });
      await this.#parts.cursor.reset();
      await this.onPaired();
    }
    await this.#parts.session.remove([PENDING]);
    const grants = Array.isArray(session.grants) ? session.grants.filter((grant) => typeof grant === 'string') : [];
    if (grants.length > 0) await this.#follow(rpc);
    if (attempt !== this.#attempt) return;
    this.#failures = 0;
    const { label, since, last_used } = session;
    const pairing = { label, since, ...(last_used == null ? {} : { lastUsed: last_used }) };
    this.#enter({ stage: 'ready', grants, personas: session.personas ?? null, version, pairing });
    this.onReload();
  }

  async #follow(rpc: RpcClient): Promise<void> {
    await this.inLine();
    const since = await this.#parts.cursor.load();
    try {
      const { cursor } = await rpc.call('event.subscribe', since === undefined ? {} : { since });
      if (since === undefined) await this.#parts.cursor.advance(cursor);
    } catch (error) {
      const failure = failureFrom(error);
      if (failure.code !== 'event.cursor') throw failure;
      await this.#parts.cursor.reset();
      const { cursor } = await rpc.call('event.subscribe', {});
      await this.#parts.cursor.advance(cursor);
    }
  }

  #notified(method: string, params: Record<string, unknown>): void {
    if (method === 'event' && typeof params['kind'] === 'string' && Number.isSafeInteger(params['cursor'])) {
      const event = params as unknown as Event;
      void this.inLine(async () => {
        await this.onEvent(event);
        await this.#parts.cursor.advance(event.cursor);
      });
    } else if (this.#pending !== undefined && params['id'] === this.#pending) {
      if (method === 'pair.approved') void this.#approved();
      else if (method === 'pair.refused') void this.#endPairing('refused');
    }
  }

  async #approved(): Promise<void> {
    const rpc = this.#rpc;
    if (rpc === undefined) return;
    const attempt = this.#attempt;
    const version = this.#state.version ?? '';
    this.#clearExpiry();
    this.#pending = undefined;
    if (this.#state.stage === 'ready') {
      // What this connection has proven is over.
      this.#again();
      return;
    }
    try {
      await this.#enterSession(rpc, attempt, version);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#last = failureFrom(error);
      this.#lost('');
      rpc.close();
    }
  }

  async #endPairing(stage: 'refused' | 'expired'): Promise<void> {
    this.#clearExpiry();
    this.#pending = undefined;
    await this.#parts.session.remove([PENDING]);
    if (this.#state.stage === 'pairing') this.#enter(this.#unpaired(stage));
    else if (this.#state.stage === 'ready') this.#enter({ ...this.#ready(), ended: stage });
  }

  /** The state without a question for more. */
  #ready(): LinkState {
    const { stage, grants, personas, version, pairing } = this.#state;
    return {
      stage,
      grants,
      personas,
      ...(version === undefined ? {} : { version }),
      ...(pairing === undefined ? {} : { pairing }),
    };
  }

  /** Leaves the connection, and makes another at once. */
  #again(): void {
    this.#clear();
    this.#drop();
    this.#failures = 0;
    void this.#connect();
  }

  /** Leaves the connection. */
  #drop(): void {
    const rpc = this.#rpc;
    this.#rpc = undefined;
    this.#attempt += 1;
    rpc?.close();
  }

  #unpaired(stage: Stage): LinkState {
    const { version } = this.#state;
    return { stage, grants: [], personas: null, ...(version === undefined ? {} : { version }) };
  }

  #lost(reason: string): void {
    const rpc = this.#rpc;
    const last = this.#last;
    // A pairing that was given more takes the place of this one, whether or not its approval came through.
    const isReplaced = this.#pending !== undefined && last?.code === 'access.revoked';
    this.#rpc = undefined;
    this.#pending = undefined;
    this.#attempt += 1;
    this.#clearExpiry();
    rpc?.closed(last);
    if (isReplaced) {
      this.#again();
      return;
    }
    const stage = last === undefined ? stageOfReason(reason) : stageOf(last);
    const failure: RpcError = last?.toJSON() ?? { code: `link.${stage}`, message: reason, hint: '', retry: 'later' };
    this.#enter({ stage, grants: [], personas: null, failure });
    this.#failures += 1;
    const grown = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures - 1, 10));
    const pause = this.#watched > 0 ? Math.min(WATCHED_PAUSE, grown) : grown;
    this.#clear();
    this.#timer = this.#parts.timers.set(() => {
      this.#timer = undefined;
      void this.#connect();
    }, pause);
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#parts.timers.clear(this.#timer);
    this.#timer = undefined;
  }

  #clearExpiry(): void {
    if (this.#expiry !== undefined) this.#parts.timers.clear(this.#expiry);
    this.#expiry = undefined;
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.onState(state);
    if (state.stage !== 'connecting') for (const go of this.#decided.splice(0)) go();
  }
}
