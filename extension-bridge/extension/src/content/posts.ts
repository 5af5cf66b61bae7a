import { words as say } from '../core/i18n.ts';
import type { FromContent } from '../core/tickets.ts';
import { MAX_TEXT } from './finder.ts';
import { place, shadeOf, type Placed } from './place.ts';
import { payloadOf } from './scan.ts';

/** The most frames in one page; the one that left the screen longest ago makes room. */
export const MAX_FRAMES = 40;
/** Elements that are watched for coming on the screen. */
export const MAX_WATCHED = 20_000;
/** Posts of one element. */
const MAX_EACH = 16;
/** After a page has removed our element this many times, it is left alone. */
const MAX_TRIES = 3;
/** A full watch list is looked through at most this often, in milliseconds. */
const SWEEP_PAUSE = 1000;
/** Posts that stay on the screen this long are shown; those scrolled past wait. In milliseconds. */
const STILL = 150;
/** Until a person presses something in it, a frame is as high as this, whatever it shows: a page can measure it. */
const LINE_HEIGHT = 44;
/** Elements that get a frame inside and not after them, to keep the shape of a table or a page. */
const INSIDE = new Set(['BODY', 'TD', 'TH', 'CAPTION', 'FIGCAPTION', 'LEGEND', 'SUMMARY', 'DT', 'DD']);
/** What an element must not contain if the opened text is to replace it. */
const MORE = 'img, picture, video, audio, canvas, svg, iframe, object, input, button, select, textarea, a[href]';

/** Speaks to the worker. */
export type Ask = (message: FromContent) => Promise<{ ticket?: string }>;

interface Post {
  readonly payload: string;
  readonly element: HTMLElement;
  placed: Placed | undefined;
  ticket: string | undefined;
  elementSeen: boolean;
  hostSeen: boolean;
  asked: boolean;
  open: boolean;
  tries: number;
}

const seen = (post: Post): boolean => post.elementSeen || post.hostSeen;

/** Whether the payload is still where it was found. */
const holds = ({ element, payload }: Post): boolean => {
  if (element instanceof HTMLAnchorElement) return payloadOf(element) === payload;
  const text = element.textContent ?? '';
  return text.length <= MAX_TEXT && text.includes(payload);
};

/** How an element was shown: value and priority of its own `display`. */
type Display = [value: string, priority: string];

const reveal = (element: HTMLElement, before: Display): void => {
  if (before[0] === '') element.style.removeProperty('display');
  else element.style.setProperty('display', ...before);
  if (element.getAttribute('style') === '') element.removeAttribute('style');
};

/** The posts of a page: what is on the screen has a frame of ours, within bounds. */
export class Posts {
  readonly #ask: Ask;
  readonly #rescan: () => void;
  /** One post of an element; an element with several shows each. */
  readonly #posts = new Map<HTMLElement, Post[]>();
  readonly #byTicket = new Map<string, Post>();
  readonly #byHost = new WeakMap<Element, Post>();
  /** Elements that the opened text replaced, and how they were shown before. */
  readonly #hidden = new Map<HTMLElement, Display>();
  /** Payloads that a person opened: the page has seen it, and may draw them again without a click. */
  readonly #unfolded = new Set<string>();
  /** Payloads that were replaced: a copy that the page makes of such an element is hidden too, and must not stay so. */
  readonly #gave = new Set<string>();
  readonly #screen: IntersectionObserver;
  #asking = 0;
  #missed = false;
  #swept = 0;
  #scrolled = Number.NEGATIVE_INFINITY;
  #running = true;

  /** `rescan`: there is room again for posts that were passed over. */
  constructor(ask: Ask, rescan: () => void) {
    this.#ask = ask;
    this.#rescan = rescan;
    this.#screen = new IntersectionObserver((changes) => this.#moved(changes), { rootMargin: '200px' });
  }

  /** A payload was found in an element. */
  found(element: HTMLElement, payload: string): void {
    const known = this.#posts.get(element);
    if (known?.some((post) => post.payload === payload) === true) return;
    if (known === undefined && this.#posts.size >= MAX_WATCHED) {
      if (performance.now() - this.#swept > SWEEP_PAUSE) this.sweep();
      if (this.#posts.size >= MAX_WATCHED) {
        this.#missed = true;
        return;
      }
    }
    if (
      this.#gave.has(payload) &&
      !this.#hidden.has(element) &&
      element.style.getPropertyPriority('display') === 'important'
    )
      reveal(element, ['', '']);
    // Posts that are no longer there are removed.
    for (const post of known ?? []) if (!holds(post)) this.#drop(post);
    const posts = this.#posts.get(element) ?? [];
    if (posts.length >= MAX_EACH) return;
    posts.push({
      payload,
      element,
      placed: undefined,
      ticket: undefined,
      elementSeen: false,
      hostSeen: false,
      asked: false,
      open: false,
      tries: 0,
    });
    this.#posts.set(element, posts);
    // Observed again, so that its position is reported for the new post too.
    this.#screen.unobserve(element);
    this.#screen.observe(element);
  }

  /** What a frame reports about itself, through the worker, after a person has pressed something in it. */
  resized(ticket: string, height: number, open: boolean): void {
    const post = this.#byTicket.get(ticket);
    post?.placed?.host.style.setProperty('height', `${height}px`, 'important');
    if (post === undefined || post.open === open) return;
    post.open = open;
    if (open && this.#unfolded.size < MAX_WATCHED) this.#unfolded.add(post.payload);
    this.#settle(post.element);
  }

  /** The payload of a ticket of this page. */
  payload(ticket: string): string | undefined {
    return this.#byTicket.get(ticket)?.payload;
  }

  /** The page is being scrolled; a sweep comes soon. */
  scrolled(): void {
    this.#scrolled = performance.now();
  }

  /** Lets go what the page took out or changed into something else, and shows what now has room. */
  sweep(): void {
    this.#swept = performance.now();
    for (const [element, posts] of this.#posts) {
      if (!element.isConnected) {
        for (const post of [...posts]) this.#drop(post);
        continue;
      }
      for (const post of [...posts]) {
        if (post.placed !== undefined && !holds(post)) this.#drop(post);
        else if (seen(post) && post.placed?.host.isConnected !== true && this.#hasRoom()) void this.#show(post);
      }
    }
    if (this.#missed && this.#running && this.#posts.size < MAX_WATCHED * 0.9) {
      this.#missed = false;
      this.#rescan();
    }
  }

  /** Takes everything out of the page. */
  stop(): void {
    this.#running = false;
    this.#screen.disconnect();
    for (const posts of [...this.#posts.values()]) for (const post of [...posts]) this.#drop(post);
  }

  #moved(changes: IntersectionObserverEntry[]): void {
    const still = performance.now() - this.#scrolled > STILL;
    for (const { target, isIntersecting } of changes) {
      const own = this.#byHost.get(target);
      if (own !== undefined) own.hostSeen = isIntersecting;
      for (const post of this.#posts.get(target as HTMLElement) ?? []) {
        post.elementSeen = isIntersecting;
        if (isIntersecting && still) void this.#show(post);
      }
    }
  }

  async #show(post: Post): Promise<void> {
    if (post.asked || post.placed?.host.isConnected === true) return;
    if (post.placed !== undefined) {
      post.tries += 1;
      this.#take(post);
    }
    if (post.tries >= MAX_TRIES) return;
    if (!holds(post)) {
      this.#drop(post);
      return;
    }
    if (!this.#makeRoom()) return;
    post.asked = true;
    this.#asking += 1;
    const { ticket } = await this.#ask({ type: 'post', payload: post.payload });
    this.#asking -= 1;
    post.asked = false;
    if (ticket === undefined) return;
    if (!this.#running || !seen(post) || !post.element.isConnected || !holds(post)) {
      void this.#ask({ type: 'drop', ticket });
      return;
    }
    post.ticket = ticket;
    this.#byTicket.set(ticket, post);
    const { fontSize, color } = getComputedStyle(post.element);
    const size = Number.parseFloat(fontSize) || 14;
    const more = [Math.round(size), shadeOf(color), this.#unfolded.has(post.payload) ? 'unfolded' : ''].join(',');
    post.placed = place(`${chrome.runtime.getURL('post.html')}#${ticket},${more}`, say('post_waiting'), {
      width: '100%',
      'min-width': '200px',
      height: `${LINE_HEIGHT}px`,
      margin: '4px 0',
    });
    const { host } = post.placed;
    this.#byHost.set(host, post);
    this.#screen.observe(host);
    if (INSIDE.has(post.element.tagName)) post.element.append(host);
    else post.element.after(host);
  }

  #hasRoom(): boolean {
    if (this.#byTicket.size + this.#asking < MAX_FRAMES) return true;
    for (const post of this.#byTicket.values()) if (!seen(post)) return true;
    return false;
  }

  #makeRoom(): boolean {
    if (this.#byTicket.size + this.#asking < MAX_FRAMES) return true;
    for (const post of this.#byTicket.values()) {
      if (seen(post)) continue;
      this.#take(post);
      return true;
    }
    return false;
  }

  /** Takes a post's frame out; it may come back. */
  #take(post: Post): void {
    if (post.placed !== undefined) {
      this.#screen.unobserve(post.placed.host);
      post.placed.host.remove();
    }
    post.placed = undefined;
    post.hostSeen = false;
    post.open = false;
    if (post.ticket !== undefined) {
      this.#byTicket.delete(post.ticket);
      if (this.#running) void this.#ask({ type: 'drop', ticket: post.ticket });
    }
    post.ticket = undefined;
    this.#settle(post.element);
  }

  #drop(post: Post): void {
    this.#take(post);
    const left = (this.#posts.get(post.element) ?? []).filter((other) => other !== post);
    if (left.length > 0) {
      this.#posts.set(post.element, left);
      return;
    }
    this.#posts.delete(post.element);
    this.#screen.unobserve(post.element);
  }

  /** Opened text replaces a payload that is alone in its element; otherwise it is below it. */
  #settle(element: HTMLElement): void {
    const posts = this.#posts.get(element) ?? [];
    const before = this.#hidden.get(element);
    const give = posts.length > 0 && posts.every((post) => post.open) && this.#alone(element, posts);
    if (give && before === undefined) {
      this.#hidden.set(element, [
        element.style.getPropertyValue('display'),
        element.style.getPropertyPriority('display'),
      ]);
      element.style.setProperty('display', 'none', 'important');
      if (this.#gave.size >= MAX_WATCHED) this.#gave.clear();
      for (const { payload } of posts) this.#gave.add(payload);
    } else if (!give && before !== undefined) {
      this.#hidden.delete(element);
      reveal(element, before);
    }
  }

  #alone(element: HTMLElement, posts: readonly Post[]): boolean {
    if (INSIDE.has(element.tagName)) return false;
    for (const post of this.#byTicket.values())
      if (post.placed !== undefined && element.contains(post.placed.host)) return false;
    if (element instanceof HTMLAnchorElement) return element.querySelector('img, video') === null;
    if (element.querySelector(MORE) !== null) return false;
    let text = element.textContent ?? '';
    for (const { payload } of posts) text = text.split(payload).join('');
    return text.trim() === '';
  }
}
