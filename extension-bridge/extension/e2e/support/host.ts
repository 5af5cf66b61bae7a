import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { program } from './processes.ts';
import { until } from './until.ts';

/** The real host with the pipes of a browser: for frames that the extension would not send. */
export class Host {
  readonly frames: any[] = [];
  code: number | null | undefined;
  readonly #child: ChildProcessWithoutNullStreams;
  #buffer = Buffer.alloc(0);
  #next = 1;

  constructor(home: string, origin: string) {
    this.#child = spawn(program('bauta-bridge'), [origin], { env: { ...process.env, BAUTA_HOME: home } });
    this.#child.stdout.on('data', (bytes: Buffer) => this.#take(bytes));
    // It may end before all is written.
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('close', (code) => {
      this.code = code;
    });
  }

  /** Writes a frame's bytes, with their length before them. */
  raw(body: Buffer | string, length = Buffer.byteLength(body)): void {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    this.#child.stdin.write(Buffer.concat([head, Buffer.from(body)]));
  }

  /** Calls a method: its result, or `{ code, hint }` of its error. */
  async call(method: string, params: object = {}): Promise<any> {
    const id = this.#next++;
    this.raw(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    const answer = await until(`an answer to ${method}`, () => this.frames.find((frame) => frame.id === id));
    return answer.error === undefined ? answer.result : { code: answer.error.data.code, hint: answer.error.data.hint };
  }

  /** The daemon's answer to `hello`, kept as soon as it arrives. */
  async firstAnswer(): Promise<void> {
    const answered = new Promise((resolve) => this.#child.stdout.once('data', resolve));
    this.raw(
      JSON.stringify({
        jsonrpc: '2.0',
        id: this.#next++,
        method: 'hello',
        params: { protocol: 1, features: [], client: 'test/1' },
      }),
    );
    await answered;
  }

  hello(): Promise<any> {
    return this.call('hello', { protocol: 1, features: [], client: 'test/1' });
  }

  /** Why it ended: the first error that answers no call. */
  async lastWords(): Promise<{ code: string; status: number | null }> {
    const status = await until('the host has ended', () => (this.code === undefined ? undefined : { code: this.code }));
    const reason = this.frames.find((frame) => frame.id === null);
    return { code: reason?.error?.data?.code ?? '', status: status.code };
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await until('the host has ended', () => this.code !== undefined);
  }

  #take(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    while (this.#buffer.length >= 4 && this.#buffer.length >= 4 + this.#buffer.readUInt32LE(0)) {
      const end = 4 + this.#buffer.readUInt32LE(0);
      this.frames.push(JSON.parse(this.#buffer.subarray(4, end).toString()));
      this.#buffer = this.#buffer.subarray(end);
    }
  }
}

const url = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('base64url');

/** A key as the extension has one. */
export class Key {
  readonly #pair: webcrypto.CryptoKeyPair;

  private constructor(pair: webcrypto.CryptoKeyPair) {
    this.#pair = pair;
  }

  static async make(): Promise<Key> {
    return new Key(
      await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
    );
  }

  async public(): Promise<string> {
    return url(await webcrypto.subtle.exportKey('spki', this.#pair.publicKey));
  }

  async sign(challenge: string, origin: string): Promise<string> {
    const input = Buffer.concat([
      Buffer.from('bauta/session/1'),
      Buffer.from(challenge, 'base64url'),
      Buffer.from(origin),
    ]);
    return url(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.#pair.privateKey, input));
  }
}
