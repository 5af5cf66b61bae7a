import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Browser } from './support/browser.ts';
import { LIMITS } from '../src/api/generated.ts';
import {
  closeWindow,
  closeWriter,
  frames,
  frameWith,
  noFrameWith,
  pageHolds,
  press,
  reveal,
  revealAll,
  shown,
  textOf,
  writer,
} from './support/frames.ts';
import { GunRelay } from './support/gun.ts';
import { pressByKeyboard } from './support/keyboard.ts';
import { checkAccessibility } from './support/shots.ts';
import { bodyOf, Site } from './support/site.ts';
import { until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

let world: World;
let gun: GunRelay;
let site: Site;
let browser: Browser;
/** Reads and writes in the browser. */
let alice: Daemon;
/** Reads and writes on the command line. */
let bob: Daemon;
let keys: { alice: string; bob: string };

interface Made {
  readonly text: string;
}

const open = async (path: string): Promise<Page> => {
  const page = await browser.tab();
  await page.goto(site.url(path));
  return page;
};

/** Puts an element into the page, as its own script does. */
const put = (page: Page, html: string, at: InsertPosition = 'beforeend'): Promise<void> =>
  page.evaluate(
    ([where, what]) => document.querySelector('main')?.insertAdjacentHTML(where as InsertPosition, what as string),
    [at, html],
  );

const write = (text: string, ...args: string[]): Promise<Made> => bob.json<Made>('post', 'encrypt', text, ...args);
/** As somebody writes who has Mask only: the key is at the Gun relay, and in no message. */
const forAlice = (text: string, ...args: string[]): Promise<Made> =>
  write(text, '--to', keys.alice, '--gun-only', ...args);
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const paragraph = ({ text }: Made, id = ''): string => `<p id="${id}">${escaped(text)}</p>`;
/** As Twitter shows a link: the address whole, the text cut. */
const link = ({ text }: Made, id = ''): string => {
  const [address = ''] = /https:\/\/mask\.io\/\S+/.exec(text) ?? [];
  assert.notEqual(address, '', text);
  return `<p id="${id}">Encrypted: <a href="${escaped(address)}">mask.io/?PostData_v2=…</a></p>`;
};

/** Changes one byte of the cipher text of a link. */
const harm = (text: string): string =>
  text.replace(/(PostData_v2=)(\S+)/, (_, start: string, value: string) => {
    const bytes = Buffer.from(decodeURIComponent(value), 'base64');
    const at = bytes.length - 20;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return start + encodeURIComponent(bytes.toString('base64'));
  });

before(async () => {
  world = await World.start();
  gun = await GunRelay.start(join(world.dir, 'gun'));
  const up = ['--gun', gun.url];
  [alice, bob] = [await world.daemon('alice', { up }), await world.daemon('bob', { up })];
  for (const daemon of [alice, bob]) await daemon.json('post', 'settings', '--block', '2', '--spread', '1s');
  await world.introduce(alice, bob);
  keys = {
    alice: (await alice.json('persona', 'show', 'alice')).public_key,
    bob: (await bob.json('persona', 'show', 'bob')).public_key,
  };
  site = await Site.start({
    '/': bodyOf('<h1>A site</h1>'),
    '/strict': {
      html: bodyOf('').replace(/<script>.*<\/script>/s, ''),
      headers: {
        'content-security-policy':
          "default-src 'none'; frame-src 'none'; style-src 'none'; require-trusted-types-for 'script'",
      },
    },
    '/write': bodyOf(
      '<textarea id="area" rows="4" cols="60">before </textarea><div id="rich" contenteditable style="min-height:60px;width:400px;border:1px solid">before </div>',
    ),
  });
  browser = await Browser.launch(alice.home, { grantSites: true, width: 800, height: 900 });
  await browser.pair(alice);
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await gun?.stop();
  await world?.stop();
});

const displays = (page: Page, ...selectors: string[]): Promise<string[]> =>
  page.evaluate(
    (all) => all.map((selector) => getComputedStyle(document.querySelector(selector) as Element).display),
    selectors,
  );

test('posts of every kind are opened in their place when a person wants it, and the page has nothing of them', async () => {
  const made = {
    v37: await forAlice('for alice, in version 37'),
    v38: await forAlice('for alice, in version 38', '--format', 'v38', '--network', 'facebook'),
    everyone: await write('for everyone who has Mask', '--public'),
  };
  const page = await open('/');
  await put(
    page,
    link(made.v37, 'v37') + paragraph(made.v38, 'v38') + paragraph(made.everyone, 'everyone').replace('>', '>Look: '),
  );
  // Before that there is a line, and nothing has changed that the page could see.
  const preview = await frameWith(page, 'for everyone who has Mask');
  await until('two closed lines', async () => {
    const closed = (await shown(page)).filter((text) => /^Encrypted post\s+Show$/.test(text));
    return closed.length === 2;
  });
  assert.deepEqual(await displays(page, '#v37 a', '#v38', '#everyone'), ['inline', 'block', 'block']);
  assert.deepEqual(
    await page.evaluate(() => [...document.querySelectorAll('div')].map((div) => div.getBoundingClientRect().height)),
    [44, 44, 44],
  );
  const first = await reveal(page, 'for alice, in version 37');
  assert.match(
    (await first.locator('body').innerText()).replaceAll(/\p{Cf}/gu, ''),
    /Only you and its other readers · names bob’s key; nothing proves it/,
  );
  await reveal(page, 'for alice, in version 38');
  assert.match(await preview.locator('body').innerText(), /Everyone with Mask/);
  for (const text of ['for alice, in version 37', 'for alice, in version 38', 'for everyone who has Mask'])
    assert.equal(await pageHolds(page, text), false, text);
  // The text replaces a payload that is alone in its element; words around one stay.
  await until('the payloads gave their place', () =>
    page.evaluate(() => getComputedStyle(document.querySelector('#v37 a') as Element).display === 'none'),
  );
  assert.equal(await page.locator('#v37').innerText(), 'Encrypted:');
  assert.deepEqual(await displays(page, '#v37', '#v38', '#everyone'), ['block', 'none', 'block']);
  // From now on it opens on this site by itself, in its line, and nowhere else.
  await page.reload();
  await put(page, link(made.v37, 'v37'));
  await frameWith(page, 'for alice, in version 37');
  assert.deepEqual(await displays(page, '#v37 a'), ['inline']);
  const elsewhere = await browser.tab();
  const second = await Site.start({ '/': bodyOf('') });
  await elsewhere.goto(second.url('/'));
  await put(elsewhere, link(made.v37, 'v37'));
  await until('a closed line', async () => /^Encrypted post\s+Show$/.test((await shown(elsewhere))[0] ?? ''));
  await elsewhere.close();
  await second.stop();
  await page.close();
});

test('the keyboard alone opens a post', async () => {
  const page = await open('/');
  await put(page, '<button id="before">before</button>');
  await put(page, paragraph(await write('opened by the keyboard', '--public')));
  const frame = await frameWith(page, 'opened by the keyboard');
  await page.locator('#before').focus();
  await page.keyboard.press('Tab');
  await until('the line has the focus', () => frame.evaluate(() => document.activeElement?.textContent === 'Show'));
  await until('it is unfolded', async () => {
    if ((await frame.locator('.opened').count()) > 0) return true;
    await page.keyboard.press('Enter');
    return false;
  });
  assert.equal(await frame.evaluate(() => document.activeElement?.textContent), 'opened by the keyboard');
  await page.close();
});

test('a post for others has one quiet line, a damaged one its reason, and trying again opens what can be opened by then', async () => {
  const other = await write('for bob alone');
  const late = await write('for alice, too, but later');
  const whole = await forAlice('will be damaged');
  const damaged = { text: harm(whole.text) };
  const page = await open('/');
  await put(page, link(other, 'other'));
  await until('the line', () => frames(page).length === 1);
  await revealAll(page);
  const [quiet = ''] = await shown(page);
  assert.match(quiet, /not shared with you/);
  await put(page, link(damaged, 'damaged'));
  await until('two lines', () => frames(page).length === 2);
  await revealAll(page);
  const bad = (await shown(page)).find((text) => text !== quiet) ?? '';
  assert.match(bad, /changed or damaged[^]*Try again/);
  assert.deepEqual(await displays(page, '#damaged a'), ['inline']);
  // Bob adds Alice to it later.
  await put(page, link(late, 'late'));
  await until('three lines', () => frames(page).length === 3);
  await revealAll(page);
  assert.equal((await shown(page)).filter((text) => text === quiet).length, 2);
  await bob.json('post', 'append', late.text, '--to', keys.alice, '--gun-only');
  for (const frame of frames(page))
    if ((await frame.locator('body').innerText()) === quiet) await press(frame, 'Try again');
  await frameWith(page, 'for alice, too, but later');
  await page.close();
});

test('what changes in the page changes what is shown', async () => {
  const [one, two, three] = [
    await write('the first text', '--public'),
    await write('the second text', '--public'),
    await write('the third text', '--public'),
  ];
  const page = await open('/');
  await put(page, paragraph(one, 'one'));
  await frameWith(page, 'the first text');

  // Text changed in place, to another payload and to none.
  await page.evaluate((text) => ((document.querySelector('#one')?.firstChild as Text).data = text), two.text);
  await frameWith(page, 'the second text');
  await noFrameWith(page, 'the first text');
  await page.evaluate(() => ((document.querySelector('#one')?.firstChild as Text).data = 'nothing'));
  await noFrameWith(page, 'the second text');
  assert.equal(await page.locator('#one').isVisible(), true);

  // A link to another post.
  await put(page, link(one, 'linked'));
  await frameWith(page, 'the first text');
  await page.evaluate(
    (text) =>
      document.querySelector('#linked a')?.setAttribute('href', /https:\/\/mask\.io\/\S+/.exec(text)?.[0] ?? ''),
    two.text,
  );
  await frameWith(page, 'the second text');
  await noFrameWith(page, 'the first text');

  // Nodes are replaced, as in a list that is drawn again.
  await page.evaluate(
    (html) => ((document.querySelector('main') as Element).innerHTML = html),
    paragraph(three, 'again'),
  );
  await frameWith(page, 'the third text');
  await noFrameWith(page, 'the second text');
  for (let turn = 0; turn < 5; turn += 1)
    await page.evaluate(() =>
      document.querySelector('#again')?.replaceWith(document.querySelector('#again')?.cloneNode(true) as Node),
    );
  await until('one frame', async () => frames(page).length === 1);
  await frameWith(page, 'the third text');

  // A payload in pieces.
  const pieces = await write('in pieces', '--public', '--network', 'facebook');
  await put(page, `<p id="pieces">${pieces.text.replace(/([A-Za-z0-9+/=|]{40})/g, '$1<wbr>')}</p>`);
  await frameWith(page, 'in pieces');

  // Another view of the same document.
  await page.evaluate(
    (html) => {
      history.pushState({}, '', '/elsewhere');
      (document.querySelector('main') as Element).innerHTML = html;
    },
    paragraph(two, 'view'),
  );
  await frameWith(page, 'the second text');
  await until('one frame', async () => frames(page).length === 1);
  await page.close();
});

test('a page that takes our element out is not fought with', async () => {
  const post = await write('taken out', '--public');
  const page = await open('/');
  await page.evaluate(() => {
    (globalThis as unknown as { taken: number }).taken = 0;
    new MutationObserver((changes) => {
      for (const change of changes)
        for (const node of change.addedNodes)
          if (node instanceof HTMLDivElement) {
            node.remove();
            (globalThis as unknown as { taken: number }).taken += 1;
          }
    }).observe(document.querySelector('main') as Element, { subtree: true, childList: true });
  });
  await put(page, paragraph(post));
  const taken = (): Promise<number> => page.evaluate(() => (globalThis as unknown as { taken: number }).taken);
  await until('three tries', async () => (await taken()) >= 3);
  // Something that comes later is handled, and the first was not tried again meanwhile.
  await page.evaluate(() => document.querySelector('main')?.insertAdjacentHTML('afterend', '<section></section>'));
  await page.evaluate(
    (html) => document.querySelector('section')?.insertAdjacentHTML('beforeend', html),
    paragraph(await write('left alone', '--public')),
  );
  await frameWith(page, 'left alone');
  assert.equal(await taken(), 3);
  await page.close();
});

test('a list without end is opened as it is scrolled, and scrolled back', async () => {
  const wanted = [0, 30, 60, 90, 120];
  const made = new Map<number, Made>();
  for (const at of wanted) made.set(at, await write(`endless ${at}.`, '--public'));
  const others = await write('one of many', '--public');
  const payloads = Array.from({ length: 150 }, (_, at) => (made.get(at) ?? others).text);
  const page = await open('/');
  // Each time that the end comes near, ten more are added.
  await page.evaluate((payloads) => {
    const main = document.querySelector('main') as Element;
    let count = 0;
    const more = (): void => {
      while (count < 150 && main.getBoundingClientRect().bottom < innerHeight + 400) {
        for (let turn = 0; turn < 10; turn += 1, count += 1) {
          const item = document.createElement('article');
          item.id = `n${count}`;
          item.style.cssText = 'min-height: 120px';
          const line = document.createElement('p');
          line.textContent = payloads[count] ?? '';
          item.append(`${count}`, line);
          main.append(item);
        }
      }
    };
    addEventListener('scroll', more);
    more();
  }, payloads);
  let most = 0;
  for (const at of wanted) {
    await until(`article ${at} is there`, async () => {
      await page.mouse.wheel(0, 1500);
      return page.evaluate((id) => document.querySelector(id) !== null, `#n${at}`);
    });
    await page.locator(`#n${at}`).scrollIntoViewIfNeeded();
    await frameWith(page, `endless ${at}.`);
    most = Math.max(most, frames(page).length);
  }
  // Beyond the limit of frames they come and go, and are made again each time.
  for (const at of [0, 120, 0, 120, 0, 120, 60]) {
    await page.locator(`#n${at}`).scrollIntoViewIfNeeded();
    await frameWith(page, `endless ${at}.`);
  }
  assert.ok(most <= 40, `${most} frames at a time`);
  await page.close();
});

test('a post is written in a window, and its reader opens it', async () => {
  const page = await open('/write');
  for (const [id, how] of [
    ['area', 'key'],
    ['rich', 'button'],
  ] as const) {
    const secret = `typed for ${id}, by ${how}`;
    await page.locator(`#${id}`).click();
    await page.keyboard.press('End');
    if (how === 'key') {
      await page.keyboard.press('Alt+Shift+KeyE');
    } else {
      const { x, y } = await until('the button', () =>
        page.evaluate(() => {
          const box = document.documentElement.querySelector(':scope > div')?.getBoundingClientRect();
          return box === undefined ? undefined : { x: box.x + box.width / 2, y: box.y + box.height / 2 };
        }),
      );
      await page.mouse.click(x, y);
    }
    const frame = await writer(browser.context);
    await frame.getByText(`For the editor on ${site.origin}`).waitFor();
    // Nothing of it is in the page, where something could be put in front of it.
    assert.equal(page.frames().length, 1);
    await frame.locator('#text').click();
    await frame.keyboard.type(secret);
    assert.equal(await frame.locator('#left').innerText(), `${LIMITS.max_text - secret.length} bytes left`);

    // Names are set apart by marks of direction, which nobody sees.
    const chips = async (): Promise<string[]> =>
      (await frame.locator('.chips button').allInnerTexts()).map((text) => text.replaceAll(/\p{Cf}/gu, ''));
    // Readers: found by their first letters, shown as chips, taken out again.
    await until('the contacts', async () => (await frame.locator('.suggest button').count()) > 0);
    await frame.locator('#search').click();
    await frame.keyboard.type('bo');
    await frame.keyboard.press('Enter');
    assert.deepEqual(await chips(), ['bob ×']);
    await frame.locator('.chips button').click();
    assert.equal(await frame.locator('.chips button').count(), 0);
    await frame.locator('.suggest button').first().click();
    assert.deepEqual(await chips(), ['bob ×']);
    await frame.getByText('Only you and 1 other can open it.').waitFor();
    await closeWriter(browser.context, () => frame.locator('button[type=submit]').click());
    const text = await page.evaluate((wanted) => {
      const editor = document.querySelector(`#${wanted}`) as HTMLElement;
      return editor instanceof HTMLTextAreaElement ? editor.value : editor.innerText;
    }, id);
    assert.match(text, /^before ?.*PostData_v2=/s);
    assert.equal((await bob.json('post', 'decrypt', text)).text, secret);
    assert.equal(await pageHolds(page, secret), false);
    const seen = await page.evaluate(() =>
      (globalThis as unknown as { seen: string[] }).seen
        .filter((line) => /^(key|input|before)/.test(line))
        .map((line) => line.slice(0, 30)),
    );
    // The page's own keys are among what it saw, those of the window are not.
    assert.ok(
      seen.some((line) => line.startsWith('keydown End')),
      'the recorder works',
    );
    assert.equal(
      seen.some((line) => /^keydown (o|Enter) /.test(line)),
      false,
      seen.join('\n'),
    );
  }
  // What was put into the editors is nothing to open there.
  await put(page, paragraph(await write('outside of editors', '--public')));
  await frameWith(page, 'outside of editors');
  assert.equal(frames(page).length, 1);
  assert.equal(await page.evaluate(() => document.querySelectorAll('#rich div, #rich + div').length), 0);
  await page.close();
});

test('the window can be left, outlives the worker, and keeps a text that has no editor any more', async () => {
  const page = await open('/write');
  await page.locator('#area').click();
  await page.keyboard.press('Alt+Shift+KeyE');
  const left = await writer(browser.context);
  await left.locator('#text').waitFor();
  // Asked for once more, it comes to the front, and there is no second one.
  await page.keyboard.press('Alt+Shift+KeyE');
  await left.getByText('For the editor on').waitFor();
  assert.equal(browser.context.pages().filter((one) => one.url().includes('/compose.html')).length, 1);
  // Up only when the window is gone: for a key that goes up in what is removed, Chromium gives no answer, and a press
  // would wait for it without end.
  await closeWriter(browser.context, () => left.keyboard.down('Escape'));
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'area');

  await page.keyboard.press('Alt+Shift+KeyE');
  let frame = await writer(browser.context);
  await frame.locator('#text').fill('while the worker sleeps');
  await browser.stopWorker();
  await closeWriter(browser.context, () => frame.locator('button[type=submit]').click());
  const text = await page.locator('#area').inputValue();
  assert.equal((await alice.json('post', 'decrypt', text)).text, 'while the worker sleeps');

  await page.locator('#rich').click();
  await page.keyboard.press('Alt+Shift+KeyE');
  frame = await writer(browser.context);
  await frame.locator('#text').fill('nowhere to go');
  await page.evaluate(() => document.querySelector('#rich')?.remove());
  await frame.locator('button[type=submit]').click();
  await frame.getByText('The editor is gone').waitFor();
  const kept = await frame.locator('.command code').innerText();
  assert.equal((await alice.json('post', 'decrypt', kept)).text, 'nowhere to go');
  await closeWriter(browser.context, () => frame.getByText('Cancel').click());
  await page.close();
});

test('a worker that starts again opens what stands in the page', async () => {
  const page = await open('/');
  const [one, two] = [
    await write('before the worker stopped', '--public'),
    await write('after it stopped', '--public'),
  ];
  await put(page, paragraph(one));
  await reveal(page, 'before the worker stopped');
  await browser.stopWorker();
  // A text that is there already still reports its height.
  const height = (): Promise<number> =>
    page.evaluate(() => document.querySelector('main > div')?.getBoundingClientRect().height ?? 0);
  const high = await height();
  await page.setViewportSize({ width: 230, height: 900 });
  await until('the text has room', async () => (await height()) > high);
  await put(page, paragraph(two));
  await frameWith(page, 'after it stopped');
  await page.close();
});

test('without a daemon the reason stands in the page, and trying again opens the post when there is one', async () => {
  const post = await write('when the daemon is back', '--public');
  const page = await open('/');
  await alice.stop();
  await put(page, paragraph(post));
  const frame = await frameWith(page, 'daemon');
  await press(frame, 'Show');
  const reason = await frame.locator('body').innerText();
  assert.match(reason, /daemon[^]*The post stays closed[^]*Try again/);
  await alice.start();
  await alice.connected();
  await press(frame, 'Try again');
  await frameWith(page, 'when the daemon is back');
  await page.close();
});

test('the policy of a page does not stop what its user wants, and learns nothing', async () => {
  const page = await open('/strict');
  const violations: string[] = [];
  page.on('console', (message) => violations.push(message.text()));
  await page.evaluate(
    (text) => {
      const line = document.createElement('p');
      line.textContent = text;
      document.querySelector('main')?.append(line);
    },
    (await write('on a strict page', '--public')).text,
  );
  await frameWith(page, 'on a strict page');
  assert.deepEqual(
    violations.filter((line) => line.includes('chrome-extension')),
    [],
  );
  await page.close();
});

test('on a site that is off there is nothing', async () => {
  const post = await write('not opened here', '--public');
  const page = await browser.tab();
  await page.goto(site.url('/').replace('127.0.0.1', 'localhost'));
  await put(page, paragraph(post));
  const beside = await open('/');
  await put(beside, paragraph(post));
  const frame = await frameWith(beside, 'not opened here');
  const drawn = new URL((await (await frame.frameElement()).getAttribute('src')) ?? '').host;
  // By then it would have been opened here, too.
  assert.equal(page.frames().length, 1);
  assert.equal(await page.evaluate(() => document.querySelectorAll('html > div, main > div').length), 0);
  const reached = await page.evaluate(
    async ([id, name]) => {
      const found: string[] = [];
      if (
        'chrome' in globalThis &&
        (globalThis as unknown as { chrome: { runtime?: unknown } }).chrome.runtime !== undefined
      )
        found.push('chrome.runtime');
      const loads = (tag: 'img' | 'script' | 'link', address: string): Promise<boolean> =>
        new Promise((resolve) => {
          const element = document.createElement(tag) as unknown as HTMLElement & {
            src: string;
            href: string;
            rel: string;
          };
          element.onload = () => resolve(true);
          element.onerror = () => resolve(false);
          element.rel = 'stylesheet';
          element[tag === 'link' ? 'href' : 'src'] = address;
          document.head.append(element);
        });
      for (const host of [id, name]) {
        for (const file of [
          'manifest.json',
          'post.html',
          'compose.html',
          'panel.html',
          'content.js',
          'icon-16.png',
          'style.css',
        ]) {
          const address = `chrome-extension://${host}/${file}`;
          // Nobody gets the name of this session; with it, the frame of a post can be requested, and nothing else.
          if (host === name && file === 'post.html') continue;
          if (
            await fetch(address, { mode: 'no-cors' }).then(
              () => true,
              () => false,
            )
          )
            found.push(`fetch ${address}`);
          for (const tag of ['img', 'script', 'link'] as const)
            if (await loads(tag, address)) found.push(`${tag} ${address}`);
        }
      }
      return found;
    },
    [browser.id, drawn] as const,
  );
  assert.deepEqual(reached, []);
  assert.notEqual(drawn, browser.id);
  // Nor can it show them.
  await page.evaluate((id) => {
    for (const file of ['post.html', 'compose.html', 'panel.html']) {
      const frame = document.createElement('iframe');
      frame.src = `chrome-extension://${id}/${file}`;
      document.body.append(frame);
    }
  }, browser.id);
  await until(
    'three frames of nothing',
    () =>
      page.frames().slice(1).length === 3 &&
      page
        .frames()
        .slice(1)
        .every((one) => one.url().startsWith('chrome-error:')),
  );
  // And where the extension is on, the page does not learn the session's name either.
  assert.equal(await pageHolds(beside, drawn), false);
  assert.equal(await pageHolds(beside, browser.id), false);
  await page.close();
  await beside.close();
});

test('a site that is switched off is left at once, and one that is switched on is served at once', async () => {
  const post = await write('on and off', '--public');
  const page = await open('/');
  await put(page, paragraph(post, 'post'));
  await frameWith(page, 'on and off');
  const settings = await browser.tab();
  await settings.goto('chrome://extensions');
  // What the switch on the browser's own page does.
  const access = (hostAccess: string): Promise<unknown> =>
    settings.evaluate(
      ([extensionId, value]) =>
        (globalThis as any).chrome.developerPrivate.updateExtensionConfiguration({ extensionId, hostAccess: value }),
      [browser.id, hostAccess] as const,
    );
  await access('ON_CLICK');
  await until(
    'the page is as it was',
    async () =>
      frames(page).length === 0 &&
      (await page.evaluate(() => document.querySelector('#post')?.outerHTML)) === paragraph(post, 'post'),
  );
  await page.reload();
  await put(page, paragraph(post, 'post'));
  await access('ON_ALL_SITES');
  await frameWith(page, 'on and off');
  await access('ON_CLICK');
  await until('the page is left', async () => frames(page).length === 0);
  await access('ON_ALL_SITES');
  await frameWith(page, 'on and off');
  await settings.close();
  await page.close();
});

test('a post for any persona opens; a pairing for one persona opens what is for that one', async () => {
  await alice.json('persona', 'new', 'masked');
  const { public_key: masked } = await alice.json('persona', 'show', 'masked');
  const [one, other] = [
    await forAlice('for the first persona'),
    await write('for the second persona', '--to', masked, '--gun-only'),
  ];
  const page = await open('/');
  await put(page, link(one) + link(other));
  await reveal(page, 'for the first persona');
  await reveal(page, 'for the second persona');
  await page.close();

  const limited = await Browser.launch(alice.home, { grantSites: true, width: 800, height: 900 });
  try {
    await limited.pair(alice, [], ['masked']);
    const own = await limited.tab();
    await own.goto(site.url('/'));
    await put(own, link(one) + link(other));
    await until('two lines', () => frames(own).length === 2);
    await revealAll(own);
    const texts = (await shown(own)).map((text) => text.split('\n')[0]);
    assert.equal(texts.filter((text) => text === 'for the second persona').length, 1, texts.join('|'));
    assert.equal(texts.filter((text) => text?.includes('not shared')).length, 1, texts.join('|'));
  } finally {
    await limited.close();
  }
});

/** The window in which readers are added. */
const adding = (): Promise<Page> =>
  until('the window for readers', () => browser.context.pages().find((page) => page.url().includes('/readers.html#')));

test('an own post says how many can read it, and gets more readers', async () => {
  const mine = (text: string, ...args: string[]): Promise<Made> =>
    alice.json<Made>('post', 'encrypt', text, '--as', 'alice', ...args);
  const somebody = createECDH('secp256k1');
  somebody.generateKeys();
  const [alone, one] = [
    await mine('mine alone'),
    await mine('for somebody', '--to', somebody.getPublicKey('hex', 'compressed')),
  ];
  const page = await open('/');
  await put(page, link(alone) + link(one));
  assert.match(await textOf(await reveal(page, 'mine alone')), /Only you ·/);
  const frame = await reveal(page, 'for somebody');
  assert.match(await textOf(frame), /Only you and 1 other ·/);
  await press(frame, 'Add readers');
  const window = await adding();
  await window.getByText('for somebody').waitFor();
  await window.getByText('Only you and 1 other').waitFor();
  await checkAccessibility(window, 'the window for readers');
  // The keyboard alone.
  await window.locator('#search').focus();
  await window.keyboard.type('bo');
  await window.keyboard.press('Enter');
  await window.getByRole('button', { name: 'Add 1 reader' }).waitFor();
  await pressByKeyboard(window, 'Add 1 reader');
  await window.getByText('Only you and 2 others').waitFor();
  // The post in the page says so, too, and the reader can open it.
  await until('the post is shown again', async () => /Only you and 2 others ·/.test(await textOf(frame)));
  assert.equal((await bob.json('post', 'decrypt', one.text)).text, 'for somebody');
  assert.equal(await pageHolds(page, 'for somebody'), false);
  await closeWindow(window, () => window.keyboard.down('Escape'));
  await page.close();
});

test('a daemon that locks takes its posts off the page', async () => {
  const post = await write('until it locks', '--public');
  const page = await open('/');
  await put(page, link(post));
  const frame = await reveal(page, 'until it locks');
  await alice.json('lock');
  await until('the text is gone', async () => !(await textOf(frame)).includes('until it locks'));
  assert.match(await textOf(frame), /Bauta is locked/);
  await checkAccessibility(frame, 'a post of a locked daemon');
  await alice.json('unlock');
  await until('it opens again', async () => {
    await press(frame, (await textOf(frame)).includes('Try again') ? 'Try again' : 'Show').catch(() => undefined);
    return (await textOf(frame)).includes('until it locks');
  });
  await page.close();
});

test('whose key came in a conversation has written it', async () => {
  const made = await write('said by bob himself', '--to', 'alice');
  const page = await open('/');
  // Until the message is there, its key may come from the Gun relay, and proves nothing.
  await until('it is said who wrote it', async () => {
    await page.reload();
    await put(page, link(made));
    const text = await textOf(await reveal(page, 'said by bob himself'));
    return text.replaceAll(/\p{Cf}/gu, '').includes('written by bob');
  });
  await page.close();
});
