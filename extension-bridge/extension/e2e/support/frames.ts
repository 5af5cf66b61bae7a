import type { Frame, Page } from 'playwright-core';
import { until } from './until.ts';

/** The extension's elements in a page, and what they show. */
export const frames = (page: Page, name: 'post' | 'compose' = 'post'): Frame[] =>
  page.frames().filter((frame) => frame.url().includes(`/${name}.html#`));
/** What a frame shows; nothing if it was removed meanwhile. */
export const textOf = (frame: Frame): Promise<string> => frame.evaluate(() => document.body.innerText).catch(() => '');
export const shown = async (page: Page): Promise<string[]> => Promise.all(frames(page).map(textOf));
export const frameWith = (page: Page, text: string): Promise<Frame> =>
  until(`a frame with “${text}”`, async () => {
    const all = frames(page);
    const texts = await Promise.all(all.map(textOf));
    return all[texts.findIndex((one) => one.includes(text))];
  });
export const noFrameWith = (page: Page, text: string): Promise<true> =>
  until(
    `no frame with “${text}”`,
    async () => !(await shown(page)).some((one) => one.includes(text)) && (true as const),
  );

/** Whether anything that the page's own script can reach holds a text. */
export const pageHolds = (page: Page, text: string): Promise<boolean> =>
  page.evaluate((wanted) => {
    const roots: Array<Document | ShadowRoot> = [document];
    for (const element of document.querySelectorAll('*'))
      if (element.shadowRoot !== null) roots.push(element.shadowRoot);
    const held = [
      document.documentElement.outerHTML,
      document.documentElement.innerText,
      document.documentElement.textContent,
      ...roots.map((root) => (root instanceof ShadowRoot ? root.innerHTML : '')),
      ...[...document.querySelectorAll('textarea, input')].map((input) => (input as HTMLInputElement).value),
      ...(globalThis as unknown as { seen: string[] }).seen,
      ...performance.getEntries().map((entry) => JSON.stringify(entry)),
      JSON.stringify({ ...localStorage, ...sessionStorage }),
    ];
    return (
      held.some((one) => one?.includes(wanted) === true) ||
      (globalThis as unknown as { find(text: string): boolean }).find(wanted)
    );
  }, text);

export const overlay = (page: Page): Promise<Frame> => until('the overlay', async () => frames(page, 'compose')[0]);
export const overlayIsGone = (page: Page): Promise<true> =>
  until('the overlay is gone', () => frames(page, 'compose').length === 0 && (true as const));
