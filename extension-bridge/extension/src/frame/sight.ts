/** How long a person must have had a button before their eyes, in milliseconds, for a press on it to count. */
export const IN_SIGHT = 500;
/** How often the browser may look, in milliseconds; it allows no less than 100. */
const DELAY = 100;

/** Missing in Firefox. */
interface Seen extends IntersectionObserverEntry {
  readonly isVisible?: boolean;
}

/**
 * Whether a person had time to see a button in somebody else's page, so that a press on it is meant. A page can cover a
 * frame, shrink it, or slip it under the pointer. Chromium says whether something is in front of an element or makes it
 * hard to see; elsewhere only the time since it was drawn counts.
 */
export class Sight {
  #since = Number.POSITIVE_INFINITY;
  #watch: IntersectionObserver | undefined;

  /** Watches another button; the time begins anew. */
  watch(button: HTMLElement | undefined): void {
    this.#watch?.disconnect();
    this.#since = Number.POSITIVE_INFINITY;
    if (button === undefined) return;
    const options = { threshold: [0, 0.5, 0.95], trackVisibility: true, delay: DELAY };
    this.#watch = new IntersectionObserver((changes) => {
      const last = changes.at(-1) as Seen | undefined;
      const inSight = last !== undefined && last.intersectionRatio >= 0.95 && last.isVisible !== false;
      if (!inSight) this.#since = Number.POSITIVE_INFINITY;
      else if (this.#since === Number.POSITIVE_INFINITY) this.#since = performance.now();
    }, options);
    this.#watch.observe(button);
  }

  get isLong(): boolean {
    return performance.now() - this.#since >= IN_SIGHT;
  }
}
