import { findPayloads, fromLink, MAX_TEXT, mayHold } from './finder.ts';
import { isOwn } from './place.ts';

/** Time that one turn of the search may take, in milliseconds; the page gets the rest. */
export const TURN = 8;
/** Roots that wait to be searched; past it the whole page is searched once more instead. */
export const MAX_ROOTS = 500;
const PASSED_OVER = new Set([
  'SCRIPT',
  'STYLE',
  'NOSCRIPT',
  'TEMPLATE',
  'TEXTAREA',
  'INPUT',
  'SELECT',
  'IFRAME',
  'CANVAS',
  'SVG',
  'HEAD',
]);
/** How far up the parts of a payload that the page broke into elements are put together. */
const PARENTS = 2;

export type OnFound = (element: HTMLElement, payload: string) => void;

const editable = (element: Element): boolean => element instanceof HTMLElement && element.isContentEditable;

const passedOver = (element: Element): boolean =>
  PASSED_OVER.has(element.tagName.toUpperCase()) || isOwn(element) || editable(element);

/** Whether a change is in what is not searched: in an editor, for instance, where a post may just have been put. */
const outside = (node: Node): boolean => {
  let element = node instanceof Element ? node : node.parentElement;
  if (element !== null && editable(element)) return true;
  for (; element !== null; element = element.parentElement)
    if (PASSED_OVER.has(element.tagName.toUpperCase()) || isOwn(element)) return true;
  return false;
};

/** The payload of a link: in its address, its text or its title. */
export const payloadOf = (anchor: HTMLAnchorElement): string | undefined => {
  const text = anchor.textContent ?? '';
  return (
    fromLink(anchor.href) ?? (text.length < MAX_TEXT ? fromLink(text.trim()) : undefined) ?? fromLink(anchor.title)
  );
};

/** Payloads in one element's links and text. `climbed` holds the elements whose whole text was searched already. */
const lookAt = (node: Node, climbed: Set<Element>, found: OnFound): void => {
  if (node instanceof HTMLAnchorElement) {
    const payload = payloadOf(node);
    if (payload !== undefined) found(node, payload);
    return;
  }
  if (!(node instanceof Text) || !mayHold(node.data)) return;
  const parent = node.parentElement;
  if (parent === null || parent.closest('a') !== null) return;
  let all = findPayloads(node.data);
  let element: HTMLElement | null = parent;
  for (let up = 0; all.length === 0 && up < PARENTS && element !== null; up += 1) {
    // Once each: many broken payloads in one element must not make its text be read as often.
    if (climbed.has(element)) return;
    climbed.add(element);
    const text: string = element.textContent ?? '';
    if (text.length <= MAX_TEXT) all = findPayloads(text);
    if (all.length === 0) element = element.parentElement;
  }
  if (element === null) return;
  for (const one of all) found(element, one.payload);
};

/** Searches a page and what changes in it, a little at a time. */
export class Scanner {
  readonly #found: OnFound;
  readonly #done: () => void;
  readonly #roots = new Set<Node>();
  readonly #observer: MutationObserver;
  #walker: TreeWalker | undefined;
  #climbed = new Set<Element>();
  #scheduled = false;

  /** `done` is called when everything that changed was searched. */
  constructor(found: OnFound, done: () => void) {
    this.#found = found;
    this.#done = done;
    this.#observer = new MutationObserver((changes) => {
      for (const change of changes) {
        if (change.type === 'characterData' || change.type === 'attributes') this.#add(change.target);
        else for (const node of change.addedNodes) this.#add(node);
      }
    });
  }

  start(): void {
    this.#observer.observe(document.documentElement, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
      attributeFilter: ['href', 'title'],
    });
    this.again();
  }

  /** Searches the whole page once more. */
  again(): void {
    this.#add(document.body ?? document.documentElement);
  }

  stop(): void {
    this.#observer.disconnect();
    this.#roots.clear();
    this.#walker = undefined;
  }

  #add(node: Node): void {
    if (isOwn(node)) return;
    if (this.#roots.size >= MAX_ROOTS) {
      this.#roots.clear();
      this.#roots.add(document.body ?? document.documentElement);
    } else {
      this.#roots.add(node);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      this.#turn();
    };
    if (typeof requestIdleCallback === 'function') requestIdleCallback(run, { timeout: 500 });
    else setTimeout(run, 50);
  }

  #turn(): void {
    const end = performance.now() + TURN;
    while (performance.now() < end) {
      if (this.#walker === undefined) {
        const [root] = this.#roots;
        if (root === undefined) {
          this.#done();
          return;
        }
        this.#roots.delete(root);
        if (!root.isConnected || outside(root)) continue;
        this.#climbed = new Set();
        this.#walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
          node instanceof Element && passedOver(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
        );
        lookAt(root, this.#climbed, this.#found);
      }
      const node = this.#walker.nextNode();
      if (node === null) this.#walker = undefined;
      else lookAt(node, this.#climbed, this.#found);
    }
    this.#schedule();
  }
}
