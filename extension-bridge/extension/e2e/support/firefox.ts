import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bidi } from './bidi.ts';
import { makeDirectory, program, removeDirectory, ROOT, run, Running, type Output } from './processes.ts';
import { until } from './until.ts';
import type { Daemon } from './world.ts';

const IDS = JSON.parse(readFileSync(join(ROOT, '../ids.json'), 'utf8')) as { firefox: [{ id: string }] };

/** Debian's Firefox, or the one that `$FIREFOX` names; undefined where there is none. */
export const firefoxPath = (): string | undefined => {
  const path = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr';
  return existsSync(path) ? path : undefined;
};

const NOWHERE = '127.0.0.1';
/** All requests beyond this machine go to a port where nothing listens, so the browser does not contact its maker. */
const PREFERENCES = {
  'network.proxy.type': 1,
  ...Object.fromEntries(
    ['http', 'ssl', 'socks'].flatMap((kind) => [
      [`network.proxy.${kind}`, NOWHERE],
      [`network.proxy.${kind}_port`, 9],
    ]),
  ),
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'intl.locale.requested': 'en-US',
  // Its questions can be answered at once.
  'security.notification_enable_delay': 0,
};

interface Context {
  readonly context: string;
  readonly url: string;
  readonly children: readonly Context[] | null;
}

/** A page and what is framed in it, closed shadow roots or not. */
const andFrames = (context: Context): Context[] => [context, ...(context.children ?? []).flatMap(andFrames)];

/** One tab, a frame in one, or the browser's own window. Clicks and keys are those of a user: the browser finds the element under the pointer. */
export class FirefoxPage {
  readonly #bidi: Bidi;
  readonly #context: string;

  constructor(bidi: Bidi, context: string) {
    this.#bidi = bidi;
    this.#context = context;
  }

  /** Runs an expression in the page; what comes back is text, a number, a boolean or nothing. */
  async evaluate<T extends string | number | boolean | undefined>(expression: string): Promise<T> {
    const answer = await this.#bidi.send<{ type: string; result?: { value?: T }; exceptionDetails?: { text: string } }>(
      'script.evaluate',
      { expression, target: { context: this.#context }, awaitPromise: true },
    );
    if (answer.type !== 'success') throw new Error(answer.exceptionDetails?.text ?? answer.type);
    return answer.result?.value as T;
  }

  async goto(url: string): Promise<void> {
    await this.#bidi.send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** A frame of a post in this page that shows the text. */
  frame(text = ''): Promise<FirefoxPage> {
    return until(`a post with “${text}”`, async () => {
      const { contexts } = await this.#bidi.send<{ contexts: Context[] }>('browsingContext.getTree', {
        root: this.#context,
      });
      for (const { context, url } of contexts.flatMap(andFrames)) {
        const frame = new FirefoxPage(this.#bidi, context);
        if (url.startsWith('moz-extension://') && url.includes('/post.html#') && (await frame.text()).includes(text))
          return frame;
      }
      return undefined;
    });
  }

  /** What a reader sees of the first element that the selector finds; throws when there is none. */
  text(selector = 'body'): Promise<string> {
    return this.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).innerText`);
  }

  /** Waits until the text is there. */
  async shows(wanted: string | RegExp, selector = 'body'): Promise<string> {
    return until(`the page shows ${wanted}`, async () => {
      const text = await this.text(selector);
      return (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) && text;
    });
  }

  async click(selector: string): Promise<void> {
    // A page may be drawn again between finding an element and pressing it.
    await until(`${selector} can be clicked`, async () => {
      const { nodes } = await this.#bidi.send<{ nodes: { sharedId: string }[] }>('browsingContext.locateNodes', {
        context: this.#context,
        locator: { type: 'css', value: selector },
        maxNodeCount: 1,
      });
      const [element] = nodes;
      if (element === undefined) return false;
      // As a user scrolls to it, if it is not in sight.
      await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).scrollIntoView({ block: 'nearest' })`);
      const origin = { type: 'element', element };
      await this.#act({
        type: 'pointer',
        id: 'mouse',
        actions: [
          { type: 'pointerMove', x: 0, y: 0, origin },
          { type: 'pointerDown', button: 0 },
          { type: 'pointerUp', button: 0 },
        ],
      });
      return true;
    });
  }

  /** Brings the tab to the front. */
  async activate(): Promise<void> {
    await this.#bidi.send('browsingContext.activate', { context: this.#context });
  }

  /** Presses keys together, such as Alt and Shift and a letter. */
  async press(...keys: string[]): Promise<void> {
    const actions = [
      ...keys.map((value) => ({ type: 'keyDown', value })),
      ...keys.toReversed().map((value) => ({ type: 'keyUp', value })),
    ];
    await this.#act({ type: 'key', id: 'keyboard', actions });
  }

  /** Types into what has the focus; `\n` is Enter. */
  async type(text: string): Promise<void> {
    const keys = [...text].map((letter) => (letter === '\n' ? '\uE007' : letter));
    await this.#act({
      type: 'key',
      id: 'keyboard',
      actions: keys.flatMap((value) => [
        { type: 'keyDown', value },
        { type: 'keyUp', value },
      ]),
    });
  }

  async close(): Promise<void> {
    await this.#bidi.send('browsingContext.close', { context: this.#context });
  }

  #act(source: object): Promise<unknown> {
    return this.#bidi.send('input.performActions', { context: this.#context, actions: [source] });
  }
}

/** Firefox with the extension, for a user with a home and a profile of its own. */
export class Firefox {
  readonly #dir: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running: Running;
  #bidi: Bidi | undefined;
  #onboarding: FirefoxPage | undefined;

  private constructor(path: string, home: string) {
    this.#dir = makeDirectory();
    const profile = join(this.#dir, 'profile');
    mkdirSync(profile);
    writeFileSync(
      join(profile, 'user.js'),
      Object.entries(PREFERENCES)
        .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
        .join(''),
    );
    const { DISPLAY: _, WAYLAND_DISPLAY: __, XDG_CONFIG_HOME: ___, ...env } = process.env;
    this.#env = { ...env, HOME: this.#dir, BAUTA_HOME: home };
    this.#running = new Running(
      path,
      [
        '--headless',
        '--no-remote',
        '--remote-allow-system-access',
        '--remote-debugging-port',
        '0',
        '--profile',
        profile,
      ],
      this.#env,
    );
  }

  /** `home`: the daemon's, which the host finds by its environment. */
  static async launch(path: string, home: string): Promise<Firefox> {
    const firefox = new Firefox(path, home);
    try {
      const url = await until('Firefox listens', () => {
        firefox.#running.assertRunning();
        return /WebDriver BiDi listening on (ws:\S+)/.exec(firefox.#running.stderr)?.[1];
      });
      firefox.#bidi = await Bidi.connect(url);
      await firefox.#connection.send('webExtension.install', {
        extensionData: { type: 'path', path: join(ROOT, 'dist/firefox') },
      });
      return firefox;
    } catch (error) {
      await firefox.close();
      throw error;
    }
  }

  /** The page that the extension opens when it is installed. */
  async onboarding(): Promise<FirefoxPage> {
    this.#onboarding ??= await this.#tab('onboarding.html');
    return this.#onboarding;
  }

  /** Opens the panel in a tab. By the extension itself: the protocol does not go to pages of extensions. */
  async panel(): Promise<FirefoxPage> {
    const onboarding = await this.onboarding();
    await onboarding.evaluate(
      'browser.tabs.create({ url: browser.runtime.getURL("panel.html") }).then(() => undefined)',
    );
    return this.#tab('panel.html');
  }

  /** The window in which a post is written. */
  writer(): Promise<FirefoxPage> {
    return this.#tab('compose.html');
  }

  /** An empty tab, in front. */
  async tab(): Promise<FirefoxPage> {
    const { context } = await this.#connection.send<Context>('browsingContext.create', { type: 'tab' });
    return new FirefoxPage(this.#connection, context);
  }

  /** Tells this user's Firefox where the host is. */
  installHost(): Promise<Output> {
    return run(program('bauta'), ['browser', 'install', '--browser', 'firefox'], this.#env);
  }

  /** Pairs with a daemon as a user does: the code that the extension shows is typed on the command line. */
  async pair(daemon: Daemon): Promise<void> {
    const page = await this.onboarding();
    await page.activate();
    await page.click('#level-messages');
    await page.click('#pair button.main');
    const code = await page.shows(/\d{3} \d{3}/, '#pair .code');
    await daemon.json('pair', 'approve', code.replaceAll(/\D/g, ''));
    await page.shows('Paired', '#pair .ok');
  }

  /** Answers the browser's own question for a permission with yes. */
  async allow(): Promise<void> {
    const window = await this.#window();
    // The protocol has no pointer in the browser's own window, so the button is pressed by script.
    const button = 'document.querySelector("#addon-webext-permissions-notification:not([hidden])").button';
    await until('the browser asks', async () => {
      await window.evaluate(`${button}.click()`);
      return true;
    });
  }

  /** Asks for a site as the popup does, and answers the browser's own question. */
  async switchOn(pattern: string): Promise<void> {
    const page = await this.onboarding();
    await page.activate();
    // Only while it handles a click may an extension ask.
    await page.evaluate(
      `addEventListener('click', () => { globalThis.asked = browser.permissions.request({ origins: [${JSON.stringify(pattern)}] }); }, { once: true })`,
    );
    await page.click('h1');
    await this.allow();
    if (!(await page.evaluate<boolean>('globalThis.asked'))) throw new Error('the browser did not give the permission');
  }

  /** Stops the background page, as the browser does with one that was idle. */
  async stopBackground(): Promise<void> {
    const window = await this.#window();
    const extension = `WebExtensionPolicy.getByID(${JSON.stringify(IDS.firefox[0].id)}).extension`;
    const state = await window.evaluate<string>(
      `(async (it) => { await it.terminateBackground({ disableResetIdleForTest: true }); return it.backgroundState; })(${extension})`,
    );
    if (state !== 'stopped') throw new Error(`the background page is ${state}`);
  }

  async close(): Promise<void> {
    this.#bidi?.close();
    await this.#running.end().finally(() => removeDirectory(this.#dir));
  }

  get #connection(): Bidi {
    if (this.#bidi === undefined) throw new Error('there is no connection');
    return this.#bidi;
  }

  /** The browser's own window, where it asks questions. */
  async #window(): Promise<FirefoxPage> {
    const { contexts } = await this.#connection.send<{ contexts: Context[] }>('browsingContext.getTree', {
      'moz:scope': 'chrome',
    });
    const [window] = contexts;
    if (window === undefined) throw new Error('Firefox has no window');
    return new FirefoxPage(this.#connection, window.context);
  }

  #tab(name: string): Promise<FirefoxPage> {
    return until(`there is a tab of ${name}`, async () => {
      const { contexts } = await this.#connection.send<{ contexts: Context[] }>('browsingContext.getTree');
      const found = contexts.find(
        ({ url }) => url.startsWith('moz-extension://') && url.split('#', 1)[0]?.endsWith(`/${name}`),
      );
      return found && new FirefoxPage(this.#connection, found.context);
    });
  }
}
