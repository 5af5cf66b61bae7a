import type { Failure } from '../core/failure.ts';
import type { Stage } from '../core/messages.ts';

export const isLocked = (failure: Failure): boolean => failure.code === 'daemon.locked';

/** The daemon does not know this pairing any more. What else goes wrong may be over soon. */
export const isOver = (failure: Failure): boolean =>
  /^access\.(unpaired|revoked|origin)$|^(session|pair)\./.test(failure.code);

/** The stage for an error that ends a connection. */
export const stageOf = (failure: Failure): Stage => {
  if (failure.code === 'store.locked' || isLocked(failure)) return 'locked';
  if (failure.code === 'hello.unsupported' || failure.code.endsWith('.version')) return 'version';
  if (failure.code.startsWith('access.') || failure.code.endsWith('.origin')) return 'forbidden';
  return 'stopped';
};

/** The stage for a browser's words when a native port closes. They are not an API, so unknown ones mean "stopped". */
export const stageOfReason = (reason: string): Stage => {
  if (/not found|no such native application/i.test(reason)) return 'missing';
  if (/forbidden|not allowed|permission/i.test(reason)) return 'forbidden';
  return 'stopped';
};
