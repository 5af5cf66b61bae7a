import { words as say } from '../core/i18n.ts';
import { editorOf, insert, type Editor } from './editor.ts';
import { place, placeButton, type Placed } from './place.ts';
import { Scanner } from './scan.ts';

/** Frames that stand in one page at a time; what left the screen longest ago makes room. */
const MAX_FRAMES = 40;
/** Elements that are watched for coming on the screen. */
const MAX_WATCHED = 5000;
/** A page that takes our element out again is left alone after this many times. */
const MAX_TRIES = 3;

interface Post {
  readonly payload: string;
  readonly element: HTMLElement;
  placed: Placed | undefined;
  ticket: string | undefined;
  visible: boolean;
  asked: boolean;
  tries: number;
}

/** One post of an element; an element with several shows each. */
const posts = new Map<HTMLElement, Post[]>();
const byTicket = new Map<string, Post>();
let composing: { ticket: string; placed: Placed; editor: Editor } | undefined;
let running = true;

const stop = (): void => {
  running = false;
  scanner.stop();
  screen.disconnect();
  for (const all of posts.values()) for (const post of all) post.placed?.host.remove();
  posts.clear();
  byTicket.clear();
  composing?.placed.host.remove();
  opener.remove();
};

const ask = async (message: Record<string, unknown>): Promise<{ ticket?: string }> => {
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

const take = (post: Post): void => {
  post.placed?.host.remove();
  post.placed = undefined;
  if (post.ticket !== undefined) {
    byTicket.delete(post.ticket);
    void ask({ type: 'drop', payload: post.ticket });
  }
  post.ticket = undefined;
};

const forget = (element: HTMLElement): void => {
  for (const post of posts.get(element) ?? []) take(post);
  posts.delete(element);
  screen.unobserve(element);
};

/** Makes room among the frames; says whether there is some. */
const room = (): boolean => {
  if (byTicket.size < MAX_FRAMES) return true;
  for (const post of byTicket.values()) {
    if (post.visible) continue;
    take(post);
    return true;
  }
  return false;
};

const show = async (post: Post): Promise<void> => {
  if (post.asked || post.tries >= MAX_TRIES || (post.placed?.host.isConnected === true)) return;
  if (post.placed !== undefined) take(post);
  if (!room()) return;
  post.asked = true;
  const { ticket } = await ask({ type: 'post', payload: post.payload });
  post.asked = false;
  if (ticket === undefined || !running) return;
  if (!post.visible || !post.element.isConnected) {
    void ask({ type: 'drop', payload: ticket });
    return;
  }
  post.tries += 1;
  post.ticket = ticket;
  byTicket.set(ticket, post);
  const size = Number.parseFloat(getComputedStyle(post.element).fontSize) || 14;
  post.placed = place('post.html', ticket, `,${Math.round(size)}`, say('post_waiting'), 'width: 100%; min-width: 200px; height: 44px; margin: 4px 0;');
  post.element.after(post.placed.host);
};

const screen = new IntersectionObserver(
  (changes) => {
    for (const { target, isIntersecting } of changes) {
      for (const post of posts.get(target as HTMLElement) ?? []) {
        post.visible = isIntersecting;
        if (isIntersecting) void show(post);
      }
    }
  },
  { rootMargin: '200px' },
);

/** What the page took out, or changed into something else, is let go. */
const sweep = (): void => {
  for (const [element, all] of posts) {
    if (!element.isConnected) {
      forget(element);
      continue;
    }
    for (const post of all) if (post.visible && post.placed?.host.isConnected === false) void show(post);
  }
};

const scanner = new Scanner((element, payload) => {
  const known = posts.get(element);
  if (known?.some((post) => post.payload === payload) === true) return;
  if (known === undefined && posts.size >= MAX_WATCHED) sweep();
  if (known === undefined && posts.size >= MAX_WATCHED) return;
  const post: Post = { payload, element, placed: undefined, ticket: undefined, visible: false, asked: false, tries: 0 };
  // A link has one payload; a changed one replaces what stood there.
  if (known !== undefined && element instanceof HTMLAnchorElement) forget(element);
  posts.set(element, [...(posts.get(element) ?? []), post].slice(-16));
  screen.unobserve(element);
  screen.observe(element);
});

const closeCompose = (): Editor | undefined => {
  const { editor, placed } = composing ?? {};
  placed?.host.remove();
  composing = undefined;
  return editor;
};

const openCompose = async (editor: Editor): Promise<void> => {
  if (composing !== undefined) return;
  const { ticket } = await ask({ type: 'compose' });
  if (ticket === undefined || composing !== undefined) return;
  const placed = place(
    'compose.html',
    ticket,
    '',
    say('composeTitle'),
    'position: fixed; z-index: 2147483647; inset: 0; margin: auto; width: min(400px, 94vw); height: min(480px, 90vh); box-shadow: 0 1px 2px rgb(0 0 0 / 40%);',
  );
  composing = { ticket, placed, editor };
  document.documentElement.append(placed.host);
  placed.frame.focus();
};

let near: Editor | undefined;
const opener = placeButton(say('composeOpen'), () => {
  if (near !== undefined) void openCompose(near);
});

const moveOpener = (): void => {
  if (near === undefined || !near.isConnected) {
    opener.remove();
    return;
  }
  const box = near.getBoundingClientRect();
  opener.style.left = `${Math.max(0, Math.min(box.right - 90, innerWidth - 100))}px`;
  opener.style.top = `${Math.max(0, Math.min(box.bottom + 4, innerHeight - 40))}px`;
  if (!opener.isConnected) document.documentElement.append(opener);
};

const start = (): void => {
  document.addEventListener(
    'focusin',
    (event) => {
      if (!running || !event.isTrusted) return;
      const editor = editorOf(event.target);
      if (editor !== undefined && editor.getBoundingClientRect().width >= 120) {
        near = editor;
        moveOpener();
      }
    },
    true,
  );
  document.addEventListener(
    'keydown',
    (event) => {
      if (!running || !event.isTrusted || !event.altKey || !event.shiftKey || event.code !== 'KeyE') return;
      const editor = editorOf(event.target);
      if (editor === undefined) return;
      event.preventDefault();
      void openCompose(editor);
    },
    true,
  );
  addEventListener('scroll', () => near !== undefined && running && requestAnimationFrame(moveOpener), { passive: true, capture: true });
  chrome.runtime.onMessage.addListener((message: { type?: unknown; ticket?: unknown; height?: unknown; text?: unknown }, sender) => {
    // Only the worker speaks here; it has no tab.
    if (sender.id !== chrome.runtime.id || sender.tab !== undefined || typeof message.ticket !== 'string') return;
    if (message.type === 'height' && typeof message.height === 'number') {
      const host = byTicket.get(message.ticket)?.placed?.host;
      if (host !== undefined) host.style.height = `${message.height}px`;
    } else if (composing?.ticket === message.ticket) {
      const editor = closeCompose();
      if (message.type === 'insert' && typeof message.text === 'string' && editor !== undefined) insert(editor, message.text);
      else editor?.focus();
    }
  });
  setInterval(() => running && sweep(), 2000);
  scanner.start();
};

// A page that is open when its site is switched on gets the script once more: one of them is enough.
const marker = globalThis as { bautaRuns?: boolean };
if (marker.bautaRuns !== true) {
  marker.bautaRuns = true;
  start();
}
