import { words as say } from '../core/i18n.ts';
import type { FromContent } from '../core/tickets.ts';
import { editorOf, insert, type Editor } from './editor.ts';
import { placeButton, setStyle } from './place.ts';
import { Posts } from './posts.ts';
import { Scanner } from './scan.ts';

/** Changes that come one after another are looked at together, in milliseconds. */
const SWEEP_AFTER = 200;
const SWEEP_EVERY = 2000;

// A page that is open when its site is switched on gets the script once more: one of them is enough.
const marker = globalThis as { bautaRuns?: boolean };

/** The editor that a window writes for. */
let composing: { ticket: string; editor: Editor } | undefined;
let asking = false;
let running = true;
let soon: ReturnType<typeof setTimeout> | undefined;

const ask = async (message: FromContent): Promise<{ ticket?: string }> => {
  try {
    const answer = (await chrome.runtime.sendMessage(message)) as { ticket?: string; off?: boolean } | undefined;
    if (answer?.off === true) stop();
    return answer ?? {};
  } catch {
    // The extension was updated or switched off: this script belongs to nobody any more.
    if (chrome.runtime?.id === undefined) stop();
    return {};
  }
};

/** One look around for all that happens in a short time. */
const sweepSoon = (): void => {
  soon ??= setTimeout(() => {
    soon = undefined;
    if (running) posts.sweep();
  }, SWEEP_AFTER);
};

const posts = new Posts(ask, () => scanner.again());
const scanner = new Scanner((element, payload) => posts.found(element, payload), sweepSoon);

const openCompose = async (editor: Editor): Promise<void> => {
  if (asking) return;
  asking = true;
  const { ticket } = await ask({ type: 'compose', ...(composing === undefined ? {} : { ticket: composing.ticket }) });
  asking = false;
  if (ticket !== undefined && running) composing = { ticket, editor };
};

let near: Editor | undefined;
const opener = placeButton(say('composeOpen'), () => {
  if (near !== undefined) void openCompose(near);
});

const moveOpener = (): void => {
  if (near === undefined || !near.isConnected || !running) {
    opener.remove();
    return;
  }
  const box = near.getBoundingClientRect();
  setStyle(opener, {
    left: `${Math.max(0, Math.min(box.right - 90, innerWidth - 100))}px`,
    top: `${Math.max(0, Math.min(box.bottom + 4, innerHeight - 40))}px`,
  });
  if (!opener.isConnected) document.documentElement.append(opener);
};

const focused = (event: Event): void => {
  if (!event.isTrusted) return;
  const editor = editorOf(event.target);
  if (editor !== undefined && editor.getBoundingClientRect().width >= 120) near = editor;
  else if (event.target !== opener) near = undefined;
  moveOpener();
};

const pressed = (event: KeyboardEvent): void => {
  if (!event.isTrusted || !event.altKey || !event.shiftKey || event.code !== 'KeyE') return;
  const editor = editorOf(event.target);
  if (editor === undefined) return;
  event.preventDefault();
  void openCompose(editor);
};

const scrolled = (): void => {
  posts.scrolled();
  sweepSoon();
  if (near !== undefined) requestAnimationFrame(moveOpener);
};

/** A restarted worker has no tickets; it asks the content scripts for theirs. */
const restore = async (ticket: string): Promise<void> => {
  const payload = posts.payload(ticket);
  if (payload !== undefined) await ask({ type: 'restore', kind: 'post', ticket, payload });
  else if (composing?.ticket === ticket) await ask({ type: 'restore', kind: 'compose', ticket });
};

interface FromWorker {
  readonly type?: unknown;
  readonly ticket?: unknown;
  readonly height?: unknown;
  readonly open?: unknown;
  readonly text?: unknown;
}

const listen = (
  message: FromWorker,
  sender: chrome.runtime.MessageSender,
  respond: (answer: unknown) => void,
): boolean => {
  // Only the worker speaks here; it has no tab.
  if (sender.id !== chrome.runtime.id || sender.tab !== undefined) return false;
  const { type, ticket, height, text } = message;
  if (type === 'check') void ask({ type: 'check' });
  if (typeof ticket !== 'string') return false;
  if (type === 'restore') {
    void restore(ticket).finally(() => respond({}));
    return true;
  }
  if (type === 'height' && typeof height === 'number') posts.resized(ticket, height, message.open === true);
  if (composing?.ticket !== ticket) return false;
  const { editor } = composing;
  if (type === 'cancel') {
    composing = undefined;
    editor.focus();
  }
  // Where the page has no editor any more, the window stays, and shows what there is to paste.
  if (type === 'insert' && typeof text === 'string') respond({ done: insert(editor, text) });
  return false;
};

const every = setInterval(() => posts.sweep(), SWEEP_EVERY);

const start = (): void => {
  document.addEventListener('focusin', focused, true);
  document.addEventListener('keydown', pressed, true);
  addEventListener('scroll', scrolled, { passive: true, capture: true });
  chrome.runtime.onMessage.addListener(listen);
  scanner.start();
};

/** Leaves the page as if nothing had been here; the script may be put in again. */
const stop = (): void => {
  if (!running) return;
  running = false;
  marker.bautaRuns = false;
  clearInterval(every);
  clearTimeout(soon);
  document.removeEventListener('focusin', focused, true);
  document.removeEventListener('keydown', pressed, true);
  removeEventListener('scroll', scrolled, { capture: true });
  chrome.runtime?.onMessage?.removeListener(listen);
  scanner.stop();
  posts.stop();
  composing = undefined;
  opener.remove();
};

if (marker.bautaRuns === true) {
  clearInterval(every);
} else {
  marker.bautaRuns = true;
  start();
}
