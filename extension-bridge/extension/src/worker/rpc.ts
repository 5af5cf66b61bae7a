import { LIMITS, type MethodName, type Methods } from '../api/generated.ts';
import { connectionBroke, Failure, failureFrom } from '../core/failure.ts';

/** Calls beyond `LIMITS.max_calls` wait here; if there are too many, the caller must try again later. */
export const MAX_WAITING = 256;
/** A call without an answer fails after this long, in milliseconds; `post.decrypt` and the waits have longer of their own. */
export const CALL_TIMEOUT = 30_000;

/** What carries frames: a native messaging port, or a pair of queues in a test. */
export interface Wire {
  send(frame: unknown): void;
  close(): void;
}

/** A clock that a test can turn by hand. */
export interface Timers {
  set(run: () => void, milliseconds: number): number;
  clear(id: number): void;
}

export const realTimers: Timers = {
  set: (run, milliseconds) => setTimeout(run, milliseconds) as unknown as number,
  clear: (id) => clearTimeout(id),
};

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (failure: Failure) => void;
  readonly timer: number;
}

interface Waiting {
  readonly frame: Record<string, unknown>;
  readonly timeout: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (failure: Failure) => void;
}

const closed = (): Failure => connectionBroke('Check bauta status.', 'later');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Length of a value as a frame, in bytes. */
export const frameLength = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** One connection's calls and notifications, JSON-RPC 2.0. It bounds what it keeps and never answers requests. */
export class RpcClient {
  onNotification: (method: string, params: unknown) => void = () => {};
  /** An error with id null: the daemon or the host says why it is about to close. */
  onBroken: (failure: Failure) => void = () => {};
  readonly #wire: Wire;
  readonly #timers: Timers;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: Waiting[] = [];
  #next = 1;
  #open = true;

  constructor(wire: Wire, timers: Timers = realTimers) {
    this.#wire = wire;
    this.#timers = timers;
  }

  /** Throws a `Failure`; a call that found no answer may or may not have been done. */
  call<M extends MethodName>(
    method: M,
    params: Methods[M]['params'],
    timeout = CALL_TIMEOUT,
  ): Promise<Methods[M]['result']> {
    return new Promise((resolve, reject) => {
      if (!this.#open) {
        reject(closed());
        return;
      }
      const frame = { jsonrpc: '2.0', id: this.#next, method, params };
      if (frameLength(frame) > LIMITS.max_frame) {
        reject(
          new Failure({
            code: 'request.too_large',
            message: `The frame is longer than ${LIMITS.max_frame} bytes.`,
            hint: '',
            retry: 'no',
          }),
        );
        return;
      }
      this.#next += 1;
      const waiting: Waiting = { frame, timeout, resolve: resolve as (result: unknown) => void, reject };
      if (this.#pending.size < LIMITS.max_calls) {
        this.#send(waiting);
      } else if (this.#waiting.length < MAX_WAITING) {
        this.#waiting.push(waiting);
      } else {
        reject(new Failure({ code: 'daemon.busy', message: 'Too many requests at once.', hint: '', retry: 'later' }));
      }
    });
  }

  /** Takes one frame from the other side. Whatever it holds, it does not throw. */
  receive(frame: unknown): void {
    if (!this.#open || !isRecord(frame)) return;
    if (typeof frame['method'] === 'string') {
      if (frame['id'] === undefined) this.onNotification(frame['method'], frame['params']);
      return;
    }
    if (frame['id'] === null && frame['error'] !== undefined) {
      this.onBroken(failureFrom(frame['error']));
      return;
    }
    const id = frame['id'];
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (pending === undefined || typeof id !== 'number') return;
    this.#settle(id, pending);
    if (frame['error'] !== undefined) pending.reject(failureFrom(frame['error']));
    else pending.resolve(frame['result']);
  }

  /** The wire is gone: every call under way fails. */
  closed(reason: Failure = closed()): void {
    if (!this.#open) return;
    this.#open = false;
    for (const pending of this.#pending.values()) {
      this.#timers.clear(pending.timer);
      pending.reject(reason);
    }
    this.#pending.clear();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(reason);
  }

  close(): void {
    this.closed();
    this.#wire.close();
  }

  #send(waiting: Waiting): void {
    const id = waiting.frame['id'] as number;
    const timer = this.#timers.set(() => {
      const pending = this.#pending.get(id);
      if (pending === undefined) return;
      this.#settle(id, pending);
      pending.reject(
        new Failure({
          code: 'daemon.unreachable',
          message: 'The daemon did not answer in time.',
          hint: 'Check bauta status.',
          retry: 'later',
        }),
      );
    }, waiting.timeout);
    this.#pending.set(id, { resolve: waiting.resolve, reject: waiting.reject, timer });
    try {
      this.#wire.send(waiting.frame);
    } catch {
      this.#timers.clear(timer);
      this.#pending.delete(id);
      waiting.reject(closed());
    }
  }

  #settle(id: number, pending: Pending): void {
    this.#timers.clear(pending.timer);
    this.#pending.delete(id);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#send(next);
  }
}
