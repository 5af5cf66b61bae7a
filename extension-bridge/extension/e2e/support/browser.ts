import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type BrowserContext, type CDPSession, type Page, type Worker } from 'playwright-core';
import { makeDirectory, program, removeDirectory, ROOT } from './processes.ts';
import { PATIENCE, settles, until } from './until.ts';
import type { Daemon } from './world.ts';

const IDS = JSON.parse(readFileSync(join(ROOT, '../ids.json'), 'utf8')) as { host: string; chromium: [{ id: string }] };

export interface BrowserOptions {
  /** Gives the extension every site of 127.0.0.1, as a click on the browser's own question would. */
  readonly grantSites?: boolean;
  /** Gives the extension notifications, as a click on the browser's own question would. */
  readonly notifications?: boolean;
  /** The one in which posts open as if a person had pressed everything; `scripts/build.mjs unguarded` makes it. */
  readonly unguarded?: boolean;
  /** The same extension under an id that the host does not know. */
  readonly otherId?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  /** `zh-CN`, for instance. */
  readonly locale?: string;
  readonly width?: number;
  readonly height?: number;
  /** The directory of the profile, if not a new one. */
  readonly profile?: string;
  /** Its environment, if not that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The id that Chromium gives to a key: the first half of its SHA-256, in letters from a to p. */
const idOf = (key: string): string =>
  [...createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 32)]
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))
    .join('');

/** The extension's pages. */
export type PageName = 'panel.html' | 'panel.html?popup' | 'popup' | 'onboarding.html';

/** Debian's Chromium with the real extension, in a profile of its own, and the real native messaging host. */
export class Browser {
  readonly id: string;
  /** Another extension's key, where it is to be one. */
  readonly #key: string | undefined;
  readonly dir: string;
  readonly #home: string | undefined;
  readonly #options: BrowserOptions;
  #context: BrowserContext | undefined;
  #watch: CDPSession | undefined;
  #workerStatus = '';
  #workerStops = 0;

  private constructor(home: string | undefined, options: BrowserOptions) {
    this.dir = makeDirectory();
    this.#home = home;
    this.#options = options;
    this.#key =
      options.otherId === true
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
            .publicKey.export({ type: 'spki', format: 'der' })
            .toString('base64')
        : undefined;
    this.id = this.#key === undefined ? IDS.chromium[0].id : idOf(this.#key);
  }

  /** `home`: the daemon's, which the host finds by its environment; without one, no host is installed. */
  static async launch(home?: string, options: BrowserOptions = {}): Promise<Browser> {
    const browser = new Browser(home, options);
    browser.#copyExtension();
    if (home !== undefined) browser.installHost();
    await browser.open();
    return browser;
  }

  /** The profile, which outlives a `quit`. */
  get profile(): string {
    return this.#options.profile ?? join(this.dir, 'profile');
  }

  get context(): BrowserContext {
    if (this.#context === undefined) throw new Error('the browser is closed');
    return this.#context;
  }

  /** The address of a page of the extension; of the extension itself with an empty name. */
  url(page: PageName | ''): string {
    return `chrome-extension://${this.id}/${page === 'popup' ? 'panel.html?popup' : page}`;
  }

  /** Opens a page of the extension in a tab of its own. */
  async page(name: PageName): Promise<Page> {
    const page = await this.tab();
    await page.goto(this.url(name));
    return page;
  }

  /** An empty tab. */
  tab(): Promise<Page> {
    return this.context.newPage();
  }

  /**
   * Closes every page but the empty one, so that nothing wakes the worker.
   * The first page of the extension is among them: a browser that loads it from a directory installs it again at each start.
   */
  async closePages(): Promise<void> {
    for (const page of this.context.pages()) if (page.url() !== 'about:blank') await page.close();
  }

  /** The service worker; waits until it runs. */
  worker(): Promise<Worker> {
    return until('the service worker runs', () => this.#worker());
  }

  /** Waits until the extension's icon shows this badge. */
  async badgeIs(text: string): Promise<void> {
    await settles(async () => (await this.worker()).evaluate(() => chrome.action.getBadgeText({})), text);
  }

  /** Whether the browser runs the service worker now. */
  get workerRuns(): boolean {
    return this.#workerStatus === 'running';
  }

  /**
   * Stops the service worker, as the browser does with one that was idle.
   * It starts again when something needs it, as any open page of the extension does.
   */
  async stopWorker(): Promise<void> {
    await until('the service worker runs', () => this.workerRuns);
    const before = this.#workerStops;
    await this.#watch?.send('ServiceWorker.stopAllWorkers');
    await until('the service worker has stopped', () => this.#workerStops > before);
  }

  /**
   * Pairs with a daemon as a user does, who wants everything: the code that the extension shows is typed on the command
   * line, with these grants where some are named.
   */
  async pair(daemon: Daemon, grants: readonly string[] = [], personas: readonly string[] = []): Promise<void> {
    const page = await this.page('onboarding.html');
    await page.locator('#level-messages').check();
    await page.locator('#pair button').click();
    const code = await pairingCode(page);
    await daemon.json(
      'pair',
      'approve',
      code,
      ...grants.flatMap((grant) => ['--grant', grant]),
      ...personas.flatMap((persona) => ['--persona', persona]),
    );
    await page.locator('#pair .ok').waitFor();
    await page.close();
  }

  /** Takes a picture of every page that is open, for whoever looks into a failure. */
  async pictures(dir: string): Promise<void> {
    for (const [index, page] of this.context.pages().entries())
      await page.screenshot({ path: join(ROOT, dir, `${index}.png`) });
  }

  /** Closes the browser and keeps its profile; `open` starts it again. */
  async quit(): Promise<void> {
    const context = this.#context;
    this.#context = undefined;
    this.#workerStatus = '';
    await context?.close();
  }

  async open(): Promise<void> {
    const { colorScheme = 'light', locale = 'en-US', width = 360, height = 640 } = this.#options;
    const extension = join(this.dir, 'extension');
    this.#context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      headless: true,
      // Chromium does not start its sandbox as root.
      chromiumSandbox: process.getuid?.() !== 0,
      viewport: { width, height },
      colorScheme,
      locale,
      timeout: PATIENCE * 1000,
      // Whatever is not on this machine is not found: the browser asks its maker for nothing.
      args: [
        `--disable-extensions-except=${extension}`,
        `--load-extension=${extension}`,
        `--lang=${locale}`,
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
      ],
      env: {
        ...((this.#options.env ?? process.env) as Record<string, string>),
        LANGUAGE: locale.replace('-', '_'),
        ...(this.#home === undefined ? {} : { BAUTA_HOME: this.#home }),
      },
    });
    this.#context.setDefaultTimeout(PATIENCE * 1000);
    await this.#watchWorker();
    await this.worker();
  }

  /** Closes the browser and removes its profile. */
  async close(): Promise<void> {
    await this.quit();
    removeDirectory(this.dir);
  }

  /** Tells the browser where the host is. */
  installHost(): void {
    const hosts = join(this.profile, 'NativeMessagingHosts');
    mkdirSync(hosts, { recursive: true });
    const manifest = {
      name: IDS.host,
      description: 'Bauta',
      type: 'stdio',
      path: program('bauta-bridge'),
      allowed_origins: [`chrome-extension://${IDS.chromium[0].id}/`],
    };
    writeFileSync(join(hosts, `${IDS.host}.json`), JSON.stringify(manifest));
  }

  #copyExtension(): void {
    const copy = join(this.dir, 'extension');
    cpSync(join(ROOT, this.#options.unguarded === true ? 'dist/unguarded' : 'dist/chromium'), copy, {
      recursive: true,
    });
    const file = join(copy, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(
      file,
      JSON.stringify({
        ...manifest,
        ...(this.#key === undefined ? {} : { key: this.#key }),
        ...(this.#options.grantSites === true ? { host_permissions: ['http://127.0.0.1/*'] } : {}),
        ...(this.#options.notifications === true
          ? { permissions: [...(manifest['permissions'] as string[]), 'notifications'], optional_permissions: [] }
          : {}),
      }),
    );
  }

  /** Follows the browser's events about the service worker, over the connection of its first, empty tab. */
  async #watchWorker(): Promise<void> {
    const watch = await this.context.newCDPSession(this.context.pages()[0] ?? (await this.tab()));
    watch.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      for (const { scriptURL, runningStatus } of versions) {
        if (!scriptURL.startsWith(this.url(''))) continue;
        this.#workerStatus = runningStatus;
        if (runningStatus === 'stopped') this.#workerStops += 1;
      }
    });
    await watch.send('ServiceWorker.enable');
    this.#watch = watch;
  }

  #worker(): Worker | undefined {
    return this.context.serviceWorkers().find((worker) => worker.url().startsWith(this.url('')));
  }
}

/** The six digits that the onboarding page shows. */
export const pairingCode = async (onboarding: Page): Promise<string> =>
  (await onboarding.locator('.code').innerText()).replaceAll(/\D/g, '');
