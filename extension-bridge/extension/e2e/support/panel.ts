import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { Browser } from './browser.ts';
import { pressByKeyboard } from './keyboard.ts';
import { settles } from './until.ts';

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

  /** Waits until the status line says this. */
  async saysOfItself(status: string): Promise<void> {
    await this.page.locator('#status').getByText(status, { exact: true }).waitFor();
  }

  /** Waits until the text is below the status line. */
  async shows(text: string): Promise<void> {
    await this.page.locator('main:visible').getByText(text).first().waitFor();
  }

  /** Waits until no error is shown. */
  async showsNoError(): Promise<void> {
    await settles(() => this.page.locator('#error').innerText(), '');
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

  /** Opens a conversation and waits until its messages are there, or the note that there are none. */
  async openConversation(contact: string): Promise<void> {
    await this.row(contact).click();
    await this.page.locator('.bubbles li, #log .empty').first().waitFor();
  }

  async back(): Promise<void> {
    await this.press('‹ Back');
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

  /** Waits until the contact's row and the extension's icon show this many unread messages. */
  async hasUnread(contact: string, count: number): Promise<void> {
    await settles(
      () => this.row(contact).locator('.count .hidden').allInnerTexts(),
      count === 0 ? [] : [`${count} unread`],
    );
    await this.#browser.badgeIs(count === 0 ? '' : String(count));
  }

  /** The bytes that a reader of QR codes finds in the picture of the one that is shown. */
  async scan(): Promise<Buffer> {
    const file = join(this.#browser.dir, 'code.png');
    writeFileSync(file, await this.page.locator('.qr').screenshot());
    const { stdout, stderr, status } = spawnSync('zbarimg', [
      '--quiet',
      '--raw',
      '--oneshot',
      '-Sdisable',
      '-Sqrcode.enable',
      '-Sbinary',
      file,
    ]);
    assert.equal(status, 0, `zbarimg reads the code ${String(stderr)}`);
    return stdout;
  }

  /** Goes with the keyboard to the button or row of this name, and into the view that it opens. */
  async openByKeyboard(name: string): Promise<void> {
    await pressByKeyboard(this.page, name);
    await this.page.locator('#back').waitFor();
  }
}
