import type { Event, Grant, MethodName, Methods, RpcError } from '../api/generated.ts';
import { connectionBroke, type Failure, failureFrom } from './failure.ts';
import type { LinkState, ToPage, ToWorker, Unread } from './messages.ts';

interface Pending {
  resolve(result: unknown): void;
  reject(failure: Failure): void;
}

const broken = (): Failure => connectionBroke('', 'now');

/** How a page of the extension reaches the daemon: through the worker, which holds the only connection. */
export class PageClient {
  state: LinkState = { stage: 'connecting', grants: [], personas: null };
  unread: Unread = {};
  onState: () => void = () => {};
  onUnread: () => void = () => {};
  onEvent: (event: Event) => void = () => {};
  onReload: () => void = () => {};
  readonly #pending = new Map<number, Pending>();
  readonly #awaited = new Set<() => void>();
  #port: chrome.runtime.Port | undefined;
  #seen: string | undefined;
  #next = 1;

  open(): void {
    const port = chrome.runtime.connect({ name: 'panel' });
    this.#port = port;
    port.onMessage.addListener((message: ToPage) => this.#take(message));
    port.onDisconnect.addListener(() => {
      this.#port = undefined;
      for (const pending of this.#pending.values()) pending.reject(broken());
      this.#pending.clear();
      // The worker was put to sleep: opening a port wakes it, and its state comes at once.
      setTimeout(() => this.open(), 50);
    });
    if (this.#seen !== undefined) this.#send({ type: 'sees', conversation: this.#seen });
  }

  /** Throws a `Failure`. */
  call<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      if (!this.#send({ type: 'call', id, method, params })) {
        this.#pending.delete(id);
        reject(broken());
      }
    });
  }

  /** Resolves when the worker next reports a connection; false: it did not in time. */
  reconnected(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const back = (): void => end(true);
      const timer = setTimeout(() => end(false), milliseconds);
      const end = (well: boolean): void => {
        clearTimeout(timer);
        this.#awaited.delete(back);
        resolve(well);
      };
      this.#awaited.add(back);
    });
  }

  /** Asks for a code, with which the user grants this. */
  pair(label: string, grants: readonly Grant[]): void {
    this.#send({ type: 'pair', label, grants });
  }

  retry(): void {
    this.#send({ type: 'retry' });
  }

  /** Somebody looks at a conversation, or at none. */
  sees(conversation: string | undefined): void {
    if (conversation === this.#seen) return;
    this.#seen = conversation;
    this.#send({ type: 'sees', ...(conversation === undefined ? {} : { conversation }) });
  }

  #send(message: ToWorker): boolean {
    try {
      this.#port?.postMessage(message);
      return this.#port !== undefined;
    } catch {
      return false;
    }
  }

  #take(message: ToPage): void {
    switch (message.type) {
      case 'link':
        this.state = message.state;
        this.onState();
        if (this.state.stage === 'ready') for (const back of this.#awaited) back();
        break;
      case 'unread':
        this.unread = message.unread;
        this.onUnread();
        break;
      case 'event':
        this.onEvent(message.event);
        break;
      case 'reload':
        this.onReload();
        break;
      case 'answer': {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        if (message.error === undefined) pending?.resolve(message.result);
        else pending?.reject(failureFrom(message.error satisfies RpcError));
        break;
      }
    }
  }
}
