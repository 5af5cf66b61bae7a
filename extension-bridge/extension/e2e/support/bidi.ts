import { PATIENCE } from './until.ts';

interface Answer {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly result?: unknown;
  readonly error?: string;
  readonly message?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** A browser's end of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/): commands and their answers; events are dropped. */
export class Bidi {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data)) as Answer));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#take()) reject(new Error('the browser closed the connection'));
    });
  }

  /** Connects and begins a session. `url`: where the browser listens. */
  static async connect(url: string): Promise<Bidi> {
    const socket = new WebSocket(`${url}/session`);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`no connection to ${url}`)), { once: true });
    });
    const bidi = new Bidi(socket);
    await bidi.send('session.new', { capabilities: {} });
    return bidi;
  }

  /** Throws what the browser refuses. */
  send<T = unknown>(method: string, params: object = {}): Promise<T> {
    const id = (this.#last += 1);
    return new Promise<T>((resolve, reject) => {
      const late = (): void => {
        this.#waiting.delete(id);
        reject(new Error(`${method}: no answer`));
      };
      this.#waiting.set(id, {
        resolve: resolve as (result: unknown) => void,
        reject,
        timer: setTimeout(late, PATIENCE * 1000),
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
  }

  #receive(answer: Answer): void {
    const waiting = answer.id === undefined ? undefined : this.#waiting.get(answer.id);
    if (answer.id === undefined || waiting === undefined) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.type === 'error') waiting.reject(new Error(`${answer.error}: ${answer.message}`));
    else waiting.resolve(answer.result);
  }

  #take(): Waiting[] {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer } of all) clearTimeout(timer);
    return all;
  }
}
