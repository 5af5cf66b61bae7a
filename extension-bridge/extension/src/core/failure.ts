import type { Retry, RpcError } from '../api/generated.ts';

/** What went wrong, in the shape of the daemon's errors (docs/api.md, "Errors"). */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string;
  readonly retry: Retry;

  constructor(error: RpcError) {
    super(error.message);
    this.name = 'Failure';
    this.code = error.code;
    this.hint = error.hint ?? '';
    this.retry = error.retry;
  }

  /** The plain object, for sending to another part of the extension. */
  toJSON(): RpcError {
    return { code: this.code, message: this.message, hint: this.hint, retry: this.retry };
  }
}

/** The connection ended, or the worker was stopped: what was asked may or may not have been done. */
export const connectionBroke = (hint: string, retry: Retry): Failure =>
  new Failure({
    code: 'daemon.unreachable',
    message: 'The connection to the daemon broke before the answer came.',
    hint,
    retry,
  });

const LONGEST = 2000;

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, LONGEST) : '');

/** Reads an error object of the daemon or the host; anything else becomes `internal`. */
export const failureFrom = (value: unknown): Failure => {
  if (value instanceof Failure) return value;
  const outer = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const data =
    typeof outer['data'] === 'object' && outer['data'] !== null ? (outer['data'] as Record<string, unknown>) : outer;
  const retry = data['retry'];
  return new Failure({
    code: text(data['code']) || 'internal',
    message: text(data['message']) || text(outer['message']) || 'Something happened that should not be possible.',
    hint: text(data['hint']),
    retry: retry === 'later' || retry === 'now' ? retry : 'no',
  });
};
