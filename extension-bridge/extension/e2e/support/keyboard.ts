import type { Page } from 'playwright-core';
import { until } from './until.ts';

/** Presses Tab once around the page; returns the names of what was focused, in order. */
export const tabAround = (page: Page): Promise<string[]> => tab(page, () => true);

/** Presses Tab until what has this name has the focus, and then Enter. */
export const pressByKeyboard = async (page: Page, name: string): Promise<void> => {
  await until(`Tab reaches ${name}`, async () => (await tab(page, (focused) => focused !== name)).at(-1) === name);
  await page.keyboard.press('Enter');
};

const tab = async (page: Page, goOn: (name: string) => boolean): Promise<string[]> => {
  const names: string[] = [];
  await page.evaluate(beginAtTop);
  for (;;) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate(nameOfFocused);
    if (name === undefined) return names;
    names.push(name);
    if (!goOn(name)) return names;
  }
};

/** In the page: the next Tab goes to its first element. */
const beginAtTop = (): void => {
  for (const seen of document.querySelectorAll('[data-seen]')) seen.removeAttribute('data-seen');
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute('tabindex');
};

/** In the page: what the focused element is called; undefined when it had the focus before, or nothing has. */
const nameOfFocused = (): string | undefined => {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || focused === document.body || 'seen' in focused.dataset) return undefined;
  focused.dataset['seen'] = '';
  const labels = 'labels' in focused ? (focused.labels as NodeListOf<HTMLLabelElement> | null) : null;
  const name = focused.getAttribute('aria-label') ?? labels?.[0]?.textContent ?? focused.innerText.split('\n')[0];
  // Without the marks that keep a name's direction to itself.
  return name?.replaceAll(/[\u2066-\u2069]/g, '');
};
