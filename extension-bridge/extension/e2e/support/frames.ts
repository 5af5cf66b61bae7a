import type { BrowserContext, Frame, Page } from 'playwright-core';
import { until } from './until.ts';

/** The extension's elements in a page. */
export const frames = (page: Page): Frame[] => page.frames().filter((frame) => frame.url().includes('/post.html#'));
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

/** Presses a button if it is there, as a person does: the mouse comes from its edge, and presses until that counts. */
const pressed = async (frame: Frame, name: string): Promise<boolean> => {
  const found = frame.getByRole('button', { name, exact: true });
  if ((await found.count()) === 0) return false;
  await found.hover({ position: { x: 2, y: 2 }, timeout: 2000 }).catch(() => undefined);
  await until(`a press on “${name}” counts`, async () => {
    await found.click({ timeout: 2000 }).catch(() => undefined);
    const refused = await frame
      .locator('.covered:not(:empty)')
      .count()
      .catch(() => 0);
    return refused === 0 && (true as const);
  });
  return true;
};

/** Presses a button in a frame as a person does, who has seen it for a while. */
export const press = (frame: Frame, name: string): Promise<true> =>
  until(`“${name}” was pressed`, async () => (await pressed(frame, name)) && (true as const));

/** What shows a post, and what fetches its key. */
export const BUTTONS: readonly string[] = ['Show', 'Fetch the key'];

/** Opens every post of a page as a person does, until each is open or has failed. */
export const revealAll = (page: Page, names: readonly string[] = BUTTONS): Promise<true> =>
  until('every post has come to its end', async () => {
    const all = frames(page);
    let ended = all.length > 0;
    for (const frame of all) {
      for (const name of names) if (await pressed(frame, name)) ended = false;
      const left = await frame.locator('.by button').allInnerTexts();
      const over = (await frame.locator('.opened, .problem').count()) > 0 || left.some((name) => !names.includes(name));
      if (!over) ended = false;
    }
    return ended && (true as const);
  });

/** Opens posts until one has this text, unfolded. */
export const reveal = async (page: Page, text: string): Promise<Frame> => {
  await until(`“${text}” is open`, async () => {
    for (const frame of frames(page)) for (const name of BUTTONS) await pressed(frame, name);
    return (await shown(page)).some((one) => one.includes(text));
  });
  await revealAll(page);
  return frameWith(page, text);
};

const windows = (context: BrowserContext): Page[] =>
  context.pages().filter((page) => page.url().includes('/compose.html#'));
/** The window in which a post is written. */
export const writer = (context: BrowserContext): Promise<Page> =>
  until('the window for writing', async () => windows(context)[0]);
/** Does what closes that window, which may be gone before its browser answers. */
export const closeWriter = async (context: BrowserContext, press: () => Promise<unknown>): Promise<void> => {
  await pressedLast(press);
  await until('the window for writing is gone', () => windows(context).length === 0);
};
/** The same for any window. */
export const closeWindow = async (window: Page, press: () => Promise<unknown>): Promise<void> => {
  await pressedLast(press);
  await until('the window is gone', () => window.isClosed());
};
const pressedLast = (press: () => Promise<unknown>): Promise<unknown> =>
  press().catch((error: unknown) => {
    if (!String(error).includes('has been closed')) throw error;
  });
