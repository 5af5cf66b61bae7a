/** How long a person must have had a button before their eyes, in milliseconds, for a press on it to count. */
export const IN_SIGHT = 500;
/** How long a mouse that moved onto a button by itself must have been over it, in milliseconds. */
const POINTED_AT = 150;
/** How far a mouse must have moved on the screen, in pixels, so that it was moved there. */
const MOVED = 8;
/** How often the browser may look, in milliseconds; it allows no less than 100. */
const DELAY = 100;

/** Missing in Firefox. */
interface Seen extends IntersectionObserverEntry {
  readonly isVisible?: boolean;
}

/** Where on the screen, and when, a mouse came over a button, and whether it has moved since. */
interface Over {
  readonly at: number;
  readonly x: number;
  readonly y: number;
  moved: boolean;
}

/**
 * Whether a person had time to see a button in somebody else's page, so that a press on it is meant. A page can cover a
 * frame, shrink it, or slip it under the pointer. Chromium says whether something is in front of an element or makes it
 * hard to see; elsewhere only the time since it was drawn counts.
 *
 * A frame does not hear that it is moved. But then the pointer comes over the button where it rests on the screen, while
 * a person moves it there: a button under a pointer that rests must be seen there as long as any.
 */
export class Sight {
  #since = Number.POSITIVE_INFINITY;
  #over: Over | undefined;
  #pointer = 'mouse';
  #watch: IntersectionObserver | undefined;
  #pointing: AbortController | undefined;

  /** Watches another button; the time begins anew. */
  watch(button: HTMLElement | undefined): void {
    this.#watch?.disconnect();
    this.#pointing?.abort();
    this.#since = Number.POSITIVE_INFINITY;
    this.#over = undefined;
    if (button === undefined) return;
    const options = { threshold: [0, 0.5, 0.95], trackVisibility: true, delay: DELAY };
    this.#watch = new IntersectionObserver((changes) => {
      const last = changes.at(-1) as Seen | undefined;
      const inSight = last !== undefined && last.intersectionRatio >= 0.95 && last.isVisible !== false;
      if (!inSight) this.#since = Number.POSITIVE_INFINITY;
      else if (this.#since === Number.POSITIVE_INFINITY) this.#since = performance.now();
    }, options);
    this.#watch.observe(button);
    this.#pointing = new AbortController();
    const { signal } = this.#pointing;
    const on = (
      name: 'pointerenter' | 'pointermove' | 'pointerleave' | 'pointerdown',
      run: (e: PointerEvent) => void,
    ) => button.addEventListener(name, run, { signal });
    on('pointerenter', ({ screenX, screenY }) => {
      this.#over = { at: performance.now(), x: screenX, y: screenY, moved: false };
    });
    on('pointermove', ({ screenX, screenY }) => {
      const over = this.#over;
      if (over !== undefined && Math.hypot(screenX - over.x, screenY - over.y) >= MOVED) over.moved = true;
    });
    on('pointerleave', () => (this.#over = undefined));
    on('pointerdown', ({ pointerType }) => (this.#pointer = pointerType));
  }

  /** Whether a click on the button is meant. */
  allows(click: MouseEvent): boolean {
    const now = performance.now();
    if (now - this.#since < IN_SIGHT) return false;
    // A key has no place, and a finger comes with the press.
    if (click.detail === 0 || this.#pointer === 'touch') return true;
    const over = this.#over;
    return over !== undefined && now - over.at >= (over.moved ? POINTED_AT : IN_SIGHT);
  }
}
