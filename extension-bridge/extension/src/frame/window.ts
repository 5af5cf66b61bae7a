import type { RpcError } from '../api/generated.ts';

/** What the worker answers to a window; `of` is the type of the question. */
export interface ToWindow {
  readonly of?: string;
  readonly error?: RpcError;
  readonly people?: string[];
  readonly personas?: string[];
  readonly persona?: string;
  readonly network?: string;
  readonly site?: string;
  readonly text?: string;
  readonly readers?: number;
  readonly published?: boolean;
}

const [ticket = '', tab = ''] = location.hash.slice(1).split(',');

/** The worker, which may have slept while something was typed. `lost`: an answer to what was asked does not come. */
export const toWorker = (
  take: (message: ToWindow) => void,
  lost: () => void,
): ((message: Record<string, unknown>) => void) => {
  let port: chrome.runtime.Port | undefined;
  return (message) => {
    if (port === undefined) {
      port = chrome.runtime.connect({ name: 'compose' });
      port.onMessage.addListener(take);
      port.onDisconnect.addListener(() => {
        port = undefined;
        lost();
      });
    }
    port.postMessage({ ...message, ticket, tab: Number(tab) });
  };
};
