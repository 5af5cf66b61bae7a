import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { Browser } from './browser.ts';
import { run } from './processes.ts';
import { until } from './until.ts';

/** The panel as its user sees it, in English. */
export class Panel {
  readonly page: Page;
  readonly #browser: Browser;

  private constructor(page: Page, browser: Browser) {
    this.page = page;
    this.#browser = browser;
  }

  static async open(browser: Browser): Promise<Panel> {
    return new Panel(await browser.page('panel.html'), browser);
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  /** Waits until the status line says this. */
  async saysOfItself(status: string): Promise<void> {
    await this.page.locator('#status').getByText(status, { exact: true }).waitFor();
  }

  /** Waits until the text stands below the status line. */
  async shows(text: string): Promise<void> {
    await this.page.locator('main:visible').getByText(text).first().waitFor();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  async press(name: string): Promise<void> {
    await this.button(name).click();
  }

  row(contact: string): Locator {
    return this.page.locator(`[id="contact-${contact}"]`);
  }

  async openConversation(contact: string): Promise<void> {
    await this.row(contact).click();
    await this.page.getByRole('log').waitFor();
  }

  get field(): Locator {
    return this.page.getByRole('textbox', { name: /^Write to/ });
  }

  /** Types a message and sends it with Enter. */
  async write(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** The messages of the open conversation, oldest first, without the dividers between days. */
  texts(): Promise<string[]> {
    return this.page.locator('.bubbles li:not(.day) > p').allInnerTexts();
  }

  /** Waits until the open conversation holds these messages and no others. */
  async holds(expected: readonly string[]): Promise<void> {
    await settles(() => this.texts(), expected);
  }

  /** Waits until the line under the last own message begins with these words. */
  async lastOwnIs(state: string): Promise<void> {
    await this.page.locator('.own').last().locator('.meta').getByText(state).waitFor();
  }

  /** Waits until the contact's row, and the extension's icon, show so many unread messages. */
  async hasUnread(contact: string, count: number): Promise<void> {
    await settles(async () => [await this.row(contact).locator('.count .hidden').allInnerTexts(), await badge(this.#browser)], count === 0 ? [[], ''] : [[`${count} unread`], String(count)]);
  }

  /** What a reader of QR codes finds in the picture of this element. */
  async scan(code: Locator): Promise<string> {
    const file = join(this.#browser.dir, 'code.png');
    writeFileSync(file, await code.screenshot());
    const { stdout, stderr, code: status } = await run('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', file]);
    assert.equal(status, 0, `zbarimg reads the code ${stderr}`);
    return stdout.trim();
  }

  /** Presses Tab until the button or row of this name has the focus, and then Enter. */
  async openByKeyboard(name: string): Promise<void> {
    await this.#tab((focused) => focused !== name);
    await this.page.keyboard.press('Enter');
    await this.page.locator('#back').waitFor();
  }

  /** Presses Tab once around the page; gives the names of what was focused, in order. */
  tabAround(): Promise<string[]> {
    return this.#tab(() => true);
  }

  async #tab(goOn: (name: string) => boolean): Promise<string[]> {
    const names: string[] = [];
    await this.page.evaluate(beginAtTop);
    for (;;) {
      await this.page.keyboard.press('Tab');
      const name = await this.page.evaluate(nameOfFocused);
      if (name === undefined) return names;
      names.push(name);
      if (!goOn(name)) return names;
    }
  }
}

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

/** The number on the extension's icon. */
export const badge = async (browser: Browser): Promise<string> => (await browser.worker()).evaluate(() => chrome.action.getBadgeText({}));

/** Waits until what is asked for equals what is expected; at the deadline it shows the difference. */
export const settles = async <T>(ask: () => Promise<T>, expected: T): Promise<void> => {
  await until('what is expected', async () => {
    assert.deepEqual(await ask(), expected);
    return true;
  });
};
