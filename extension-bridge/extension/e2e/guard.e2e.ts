// What a hostile page learns about who is looking: games, each also played with the guard off, where the page must win.
import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Browser } from './support/browser.ts';
import { closeWriter, frameWith, press, shown, writer } from './support/frames.ts';
import { coin, interval, judge, play, table, type Measured, type Result, type Trial } from './support/game.ts';
import { GunRelay } from './support/gun.ts';
import { Site } from './support/site.ts';
import { until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

const TRIALS = Number(process.env['BAUTA_TRIALS'] ?? 60);
/** Trials that attacks are tuned on. */
const TRAINING = Math.ceil(TRIALS / 2);
/** With the guard off everything is plain, so fewer do. */
const OFF = 24;
const OFF_LOOKUPS = 16;
/** A window has to be opened for each, so that only the long form plays many. */
const WRITTEN = TRIALS < 400 ? 6 : TRIALS;
/** Payloads of one page: below the number of frames that it may have. */
const BATCH = 36;
const POOL = 6;
const LONG = 'nobody but its readers knows what this says '.repeat(10);

interface Made {
  readonly text: string;
  readonly iv: string;
}

let world: World;
let gun: GunRelay;
let alice: Daemon;
let bob: Daemon;
let guarded: Browser;
let unguarded: Browser;
/** Posts that the reader's machine opens without asking anybody, and ones that it does not open. Equally long. */
let ours: string[];
let theirs: string[];
const sites: Site[] = [];

const write = (daemon: Daemon, ...args: string[]): Promise<Made> => daemon.json<Made>('post', 'encrypt', LONG, ...args);
const address = ({ text }: Made): string => /https:\/\/mask\.io\/\S+/.exec(text)?.[0] ?? '';

/** A site of its own for each game: what a person opens on one site opens there by itself later. */
const hostile = async (browser: Browser): Promise<Page> => {
  const site = await Site.start({
    '/': '<!doctype html><html lang="en"><meta charset="utf-8"><title>A site</title><main style="width: 600px"></main></html>',
  });
  sites.push(site);
  const page = await browser.tab();
  await page.goto(site.url('/'));
  return page;
};

before(async () => {
  world = await World.start();
  gun = await GunRelay.start(join(world.dir, 'gun'));
  const up = ['--gun', gun.url];
  [alice, bob] = await Promise.all([world.daemon('alice', { up }), world.daemon('bob', { up })]);
  await world.introduce(alice, bob);
  for (const daemon of [alice, bob]) await daemon.json('post', 'settings', '--block', '1', '--spread', '0s');
  [ours, theirs] = await Promise.all([
    // Half of them Alice's own, and half ones that she has read.
    Promise.all(
      Array.from({ length: POOL }, async (_, at) => {
        if (at % 2 === 0) return address(await write(alice));
        const made = await write(bob, '--to', 'alice', '--wait', 'published');
        await alice.json('post', 'decrypt', made.text);
        return address(made);
      }),
    ),
    Promise.all(Array.from({ length: POOL }, async () => address(await write(bob)))),
  ]);
  const launch = async (off: boolean): Promise<Browser> => {
    const browser = await Browser.launch(alice.home, { grantSites: true, width: 800, height: 3000, unguarded: off });
    await browser.pair(alice);
    return browser;
  };
  guarded = await launch(false);
  unguarded = await launch(true);
});

after(async () => {
  await guarded?.close();
  await unguarded?.close();
  for (const site of sites) await site.stop();
  await gun?.stop();
  await world?.stop();
});

/** Puts links into the page, as its own script does, and measures what it can of each. */
const plant = (page: Page, links: readonly string[]): Promise<void> =>
  page.evaluate((all) => {
    const main = document.querySelector('main') as HTMLElement;
    main.replaceChildren();
    const found = all.map((link) => {
      const line = document.createElement('p');
      const anchor = document.createElement('a');
      anchor.href = link;
      anchor.textContent = 'a post';
      line.append(anchor);
      return { line, anchor, planted: performance.now(), came: 0, changes: 0, last: 0, high: 0, moved: 0 };
    });
    const sizes = new ResizeObserver((changes) => {
      for (const { target } of changes) {
        const one = found.find(({ line }) => line.contains(target) || line === target);
        if (one === undefined) continue;
        one.changes += 1;
        one.last = performance.now();
      }
    });
    new MutationObserver((changes) => {
      for (const { addedNodes, target } of changes)
        for (const node of addedNodes) {
          const one = found.find(({ line }) => line.contains(node) || line === target);
          if (one === undefined || !(node instanceof HTMLDivElement)) continue;
          one.came = performance.now();
          sizes.observe(node);
        }
    }).observe(main, { subtree: true, childList: true, attributes: true });
    for (const one of found) {
      sizes.observe(one.line);
      main.append(one.line);
    }
    (globalThis as any).measure = () =>
      found.map((one) => ({
        height: one.line.getBoundingClientRect().height,
        frame: one.line.querySelector('div')?.getBoundingClientRect().height ?? 0,
        hidden: Number(getComputedStyle(one.anchor).display === 'none'),
        styled: one.anchor.attributes.length,
        changes: one.changes,
        inserted: one.came - one.planted,
        last: one.last - one.planted,
      }));
  }, links);

/** Whether a frame has nothing more to do than to wait for a person, or for the mixnet. */
const isDone = (text: string): boolean => text !== '' && text.trim() !== 'Encrypted post';

/** Posts for the one bit and for the other, on a site. */
type Pools = (origin: string) => Promise<readonly [readonly string[], readonly string[]]>;

/** `lines`: gets what the frames show, which the page does not see. */
const opens = async (
  browser: Browser,
  count: number,
  pools: Pools = async () => [ours, theirs],
  lines: string[] = [],
): Promise<Trial[]> => {
  const page = await hostile(browser);
  const [ones, others] = await pools(new URL(page.url()).origin);
  const trials: Trial[] = [];
  while (trials.length < count) {
    const bits = Array.from({ length: Math.min(BATCH, count - trials.length) }, coin);
    const from = (pool: readonly string[], at: number): string => pool[at % pool.length] ?? '';
    await plant(
      page,
      bits.map((bit, at) => from(bit ? ones : others, at)),
    );
    await until('every post has its line', async () => {
      const texts = await shown(page);
      return texts.length === bits.length && texts.every(isDone);
    });
    lines.push(...(await shown(page)));
    // What was drawn last has its layout by then.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const measured = await page.evaluate((): Measured[] => (globalThis as any).measure());
    trials.push(...bits.map((bit, at) => ({ bit, measured: measured[at] ?? {} })));
  }
  await page.close();
  return trials;
};

/** What is the same for every post. */
const SHAPE = ['height', 'frame', 'hidden', 'styled', 'changes'];

/** Plays a game in which the page must learn nothing. */
const learnsNothing = (
  title: string,
  training: readonly Trial[],
  trials: readonly Trial[],
  constant: readonly string[] = SHAPE,
): void => {
  // Whatever is drawn there, it has one shape. Only times differ, as they do anyway.
  for (const name of constant)
    assert.equal(new Set([...training, ...trials].map(({ measured }) => measured[name])).size, 1, name);
  const results = play(training, trials);
  console.log(table(title, results));
  // The table has intervals of 95 %. The test fails on what chance does once in a million runs.
  for (const { attack, right, trials: of } of results) assert.ok(2 * interval(right, of, 1e-6)[0] - 1 <= 0.05, attack);
};

test('a page does not learn which posts its visitor can read', async () => {
  learnsNothing('which posts the visitor can read', await opens(guarded, TRAINING), await opens(guarded, TRIALS));
});

/** Posts that open by themselves on a site, since they were opened there first or are for everyone; and others. */
const byThemselves =
  (here: readonly string[]): Pools =>
  async (origin) => {
    // They were opened already, but on no site.
    for (const text of here) {
      await alice.json('rpc', 'post.decrypt', JSON.stringify({ text, offline: true, site: origin }));
    }
    const everyone = await Promise.all(here.map(async () => address(await write(bob, '--public'))));
    return [[...here, ...everyone], theirs];
  };

test('nor which posts open by themselves in their lines', async () => {
  const half = POOL / 2;
  const lines: string[] = [];
  const training = await opens(guarded, TRAINING, byThemselves(ours.slice(0, half)));
  const trials = await opens(guarded, TRIALS, byThemselves(ours.slice(half)), lines);
  assert.ok(lines.some((text) => text.includes('nobody but its readers')));
  assert.ok(lines.some((text) => /^Encrypted post\s+Show$/.test(text)));
  learnsNothing('which posts open by themselves', training, trials);
});

test('with the guard off it learns that from the height, and from what is hidden', async () => {
  const trials = await opens(unguarded, OFF);
  const results = [
    judge('frame', trials, ({ frame = 0 }) => frame > 60, 2),
    judge('hidden', trials, ({ hidden }) => hidden === 1, 2),
  ];
  console.log(table('the same, with the guard off', results));
  for (const { attack, low } of results) assert.ok(low >= 0.5, attack);
});

/** Two characters for 12 bits of a post, in the name of the place where its keys are (docs/mask.md). */
const tagOf = (iv: string): string =>
  pbkdf2Sync(iv, '9283464d-ee4e-4e8d-a7f3-cf392a88133f', 100_000, 2, 'sha256').toString('base64').slice(0, 2);

/** Posts of the page's own making, under IVs that it chose. */
const forge = async (count: number): Promise<Array<{ link: string; tag: string }>> => {
  const made = await bob.json<Made>('post', 'encrypt', 'for nobody');
  const [before, value = ''] = address(made).split(/(?<=PostData_v2=)/);
  const bytes = Buffer.from(decodeURIComponent(value), 'base64');
  const at = bytes.indexOf(Buffer.from(made.iv, 'base64'));
  assert.ok(at > 0, 'the post holds its IV');
  return Array.from({ length: count }, () => {
    const iv = randomBytes(16);
    iv.copy(bytes, at);
    return { link: `${before}${encodeURIComponent(bytes.toString('base64'))}`, tag: tagOf(iv.toString('base64')) };
  });
};

/** The page hears what is asked for at a Gun relay that it knows: anybody can connect to one. */
const listen = (page: Page): Promise<void> =>
  page.evaluate(
    (url) =>
      new Promise<void>((resolve, reject) => {
        const heard: string[] = ((globalThis as any).heard = []);
        const socket = new WebSocket(url);
        socket.onmessage = ({ data }) => {
          for (const [, tag] of String(data).matchAll(/37-(?:tw|fb|ins|minds)-(..)-../g)) heard.push(tag ?? '');
        };
        socket.onopen = () => resolve();
        socket.onerror = () => reject(new Error('no connection'));
      }),
    gun.url.replace('http:', 'ws:'),
  );
const heard = (page: Page): Promise<string[]> => page.evaluate(() => (globalThis as any).heard);

/** Plants posts, each or not, and listens whether the visitor's daemon asks for their keys; `ended`: when to stop listening. */
const lookUps = async (
  browser: Browser,
  count: number,
  ended: (page: Page, planted: readonly string[]) => Promise<void>,
): Promise<Trial[]> => {
  const posts = await forge(count);
  const page = await hostile(browser);
  await listen(page);
  const bits = posts.map(coin);
  for (let from = 0; from < count; from += BATCH) {
    const links = posts.slice(from, from + BATCH).filter((_, at) => bits[from + at]);
    await plant(
      page,
      links.map(({ link }) => link),
    );
    await until('every post has its line', async () => {
      const texts = await shown(page);
      return texts.length === links.length && texts.every(isDone);
    });
  }
  await ended(
    page,
    posts.filter((_, at) => bits[at]).map(({ tag }) => tag),
  );
  const all = await heard(page);
  await page.close();
  return posts.map(({ tag }, at) => ({
    bit: bits[at] === true,
    measured: { asked: all.filter((one) => one === tag).length },
  }));
};
const listens = (trials: readonly Trial[]): Result =>
  judge('asked', trials, ({ asked = 0 }) => (trials.some(({ measured }) => measured['asked']) ? asked > 0 : coin()));

test('a page that listens at a Gun relay hears of no look-up before a person asks', async () => {
  const trials = await lookUps(guarded, TRIALS, async (page) => {
    // What a person asks for is heard, twice. Whatever was asked for before would have been.
    for (const { link, tag } of await forge(2)) {
      await plant(page, [link]);
      const frame = await frameWith(page, 'Show');
      await press(frame, 'Show');
      await press(frame, 'Fetch the key');
      await until('the look-up is heard', async () => (await heard(page)).includes(tag));
    }
  });
  const result = listens(trials);
  console.log(table('whether a look-up follows', [result]));
  assert.deepEqual(
    trials.filter(({ measured }) => (measured['asked'] ?? 0) > 0),
    [],
  );
});

test('with the guard off it hears of each', async () => {
  const trials = await lookUps(unguarded, OFF_LOOKUPS, (page, planted) =>
    until('look-ups are heard', async () => {
      const all = new Set(await heard(page));
      return planted.every((tag) => all.has(tag));
    }).then(() => undefined),
  );
  const result = listens(trials);
  console.log(table('the same, with the guard off', [result]));
  assert.ok(result.low >= 0.5);
});

test('a press on a line that is covered, faint or out of shape opens nothing', async () => {
  const page = await hostile(guarded);
  await plant(page, [ours[0] ?? '']);
  const frame = await frameWith(page, 'Show');
  const pressedIn = async (state: 'hidden' | 'plain', style: string, cover: string): Promise<void> => {
    await page.evaluate(
      ([css, over]) => {
        (document.querySelector('main') as HTMLElement).style.cssText = `width: 600px; ${css}`;
        document.querySelector('#cover')?.remove();
        if (over === '') return;
        const front = document.createElement('div');
        front.id = 'cover';
        front.style.cssText = `position: fixed; inset: 0; background: #fff; pointer-events: none; ${over}`;
        front.textContent = 'Win a prize';
        document.body.append(front);
      },
      [style, cover] as const,
    );
    const box = await frame.locator('button').boundingBox();
    assert.ok(box);
    const at = [box.x + box.width / 2, box.y + box.height / 2] as const;
    if (state === 'plain') {
      await until('it opens', async () => {
        await page.mouse.click(...at);
        return (await frame.locator('.opened').count()) > 0;
      });
      return;
    }
    // Again and again, until the extension has said why it does nothing, and for longer than a press needs to count.
    const end = Date.now() + 1500;
    await until('the press is refused', async () => {
      await page.mouse.click(...at);
      assert.equal(await frame.locator('.opened').count(), 0);
      return Date.now() > end && (await frame.locator('.covered:not(:empty)').count()) === 1;
    });
  };
  await pressedIn('hidden', '', 'z-index: 9');
  await pressedIn('hidden', 'opacity: 0.05', '');
  await pressedIn('hidden', 'transform: rotate(2deg)', '');
  await pressedIn('plain', '', '');
  await page.close();
});

/** Within this time of coming under a pointer that rests, a button does nothing; it is less than what holds, 500 ms. */
const TOO_SOON = 450;
/** Where the pointer rests: so far to the right that all of a frame is in sight when its button comes there. */
const AT = { x: 700, y: 500 };

test('a press on a line that was just slipped under a resting pointer opens nothing', async () => {
  const page = await hostile(guarded);
  const style = (css: string): Promise<void> =>
    page.evaluate((text) => {
      (document.querySelector('main') as HTMLElement).style.cssText = `width: 600px; position: fixed; ${text}`;
    }, css);
  for (let tries = 1; ; tries += 1) {
    await style('left: 0; top: 0');
    await plant(page, [ours[0] ?? '']);
    const frame = await frameWith(page, 'Show');
    await page.mouse.move(AT.x, AT.y);
    // In sight for longer than a press needs, so that only the place is new.
    await frame.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const button = document.querySelector('button') as HTMLElement;
          let since: number | undefined;
          new IntersectionObserver(([seen]) => {
            if (seen?.isIntersecting === true) since ??= performance.now();
          }).observe(button);
          const look = (): void => {
            if (since !== undefined && performance.now() - since > 900) resolve();
            else requestAnimationFrame(look);
          };
          look();
          const times = ((globalThis as any).times = { over: Infinity, click: 0 });
          button.addEventListener('pointerenter', () => (times.over = performance.now()));
          button.addEventListener('click', () => (times.click = performance.now()));
        }),
    );
    const box = await frame.locator('button').boundingBox();
    assert.ok(box);
    await style(`left: ${AT.x - box.x - box.width / 2}px; top: ${AT.y - box.y - box.height / 2}px`);
    // Where a press goes is known to the browser some pictures after the page moved the frame.
    await page.evaluate(
      () =>
        new Promise((resolve) =>
          requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        ),
    );
    await page.mouse.down();
    await page.mouse.up();
    const arrived = until(
      'the press arrived',
      async () => {
        const times = await frame.evaluate(() => (globalThis as any).times as { over: number; click: number });
        return times.click > 0 && times;
      },
      2,
    );
    const { over, click } = await arrived.catch(() => ({ over: 0, click: Infinity }));
    // On a busy machine the press comes so late that the person has seen it, or so early that it goes where the frame was.
    if (click - over > TOO_SOON) {
      assert.ok(tries < 20, 'no press came soon enough');
      continue;
    }
    await until('the press is refused', async () => (await frame.locator('.covered:not(:empty)').count()) === 1);
    assert.equal(await frame.locator('.opened').count(), 0);
    // Whoever sees it and presses again means it.
    await press(frame, 'Show');
    await until('it opens', async () => (await frame.locator('.opened').count()) > 0);
    break;
  }
  await page.close();
});

test('where a post is written, a page can put nothing in front, and it hears nothing', async () => {
  const page = await hostile(guarded);
  await page.evaluate(() => {
    const area = document.createElement('textarea');
    area.id = 'area';
    document.querySelector('main')?.append(area);
    const front = document.createElement('div');
    front.style.cssText = 'position: fixed; inset: 0; z-index: 2147483647; pointer-events: none; background: #fff';
    front.popover = 'manual';
    document.body.append(front);
    front.showPopover();
    const seen: string[] = ((globalThis as any).seen = []);
    for (const name of ['keydown', 'keyup', 'input', 'click', 'pointerdown', 'pointermove', 'message'])
      addEventListener(name, (event) => seen.push(`${name} ${(event as KeyboardEvent).key ?? ''}`), true);
  });
  await page.locator('#area').focus();
  await page.keyboard.press('Alt+Shift+KeyE');
  const window = await writer(guarded.context);
  const before = await page.evaluate(() => ((globalThis as any).seen.length = 0));
  assert.equal(before, 0);
  await window.locator('.suggest button').first().waitFor();
  await window.locator('#text').fill('for bob alone');
  await window.locator('.suggest button').first().click();
  // The page has no element of it, and cannot show it under any name.
  assert.equal(page.frames().length, 1);
  const url = new URL(window.url());
  await page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    document.body.append(frame);
  }, url.href);
  await until('a frame of nothing', () => page.frames().at(-1)?.url().startsWith('chrome-error:') === true);
  await closeWriter(guarded.context, () => window.locator('button[type=submit]').click());
  const seen = await page.evaluate(() => (globalThis as any).seen as string[]);
  assert.deepEqual(
    seen.filter((line) => !line.startsWith('input')),
    [],
  );
  const text = await page.locator('#area').inputValue();
  const opened = await bob.json('post', 'decrypt', text);
  assert.deepEqual([opened.text, opened.public === true], ['for bob alone', false]);
  await page.close();
});

/** What a page could hear of a window in which a post is written. */
const HEARD = ['keydown', 'keyup', 'input', 'click', 'pointerdown', 'message', 'resize', 'focus', 'blur'];

/** A page that counts what it hears. */
const listening = async (): Promise<Page> => {
  const page = await hostile(guarded);
  await page.evaluate((names) => {
    const area = document.createElement('textarea');
    area.id = 'area';
    document.querySelector('main')?.append(area);
    const heard: Record<string, number> = ((globalThis as any).heard = {});
    for (const name of names) addEventListener(name, () => (heard[name] = (heard[name] ?? 0) + 1), true);
  }, HEARD);
  return page;
};

/** Writes for everyone, or for the first who is suggested, while the page measures. */
const writesFor = async (everyone: boolean, page: Page, form: Page): Promise<Trial> => {
  await page.evaluate((names) => {
    for (const name of names) (globalThis as any).heard[name] = 0;
  }, HEARD);
  await form.locator('#text').fill('the same words, whoever reads them');
  if (everyone) await form.locator('#everyone').check();
  else await form.locator('.suggest button').first().click();
  const measured = await page.evaluate((): Measured => ({
    ...(globalThis as any).heard,
    height: document.documentElement.getBoundingClientRect().height,
    elements: document.querySelectorAll('*').length,
    focused: Number(document.hasFocus()),
    words: (document.querySelector('#area') as HTMLTextAreaElement).value.length,
  }));
  return { bit: everyone, measured };
};

/** A person writes a post for everyone, or for one: the bit. The page measures until they leave it. */
const writes = async (count: number): Promise<Trial[]> => {
  const page = await listening();
  const trials: Trial[] = [];
  while (trials.length < count) {
    await page.bringToFront();
    await page.locator('#area').focus();
    await page.keyboard.press('Alt+Shift+KeyE');
    const writing = await writer(guarded.context);
    await writing.locator('.suggest button').first().waitFor();
    trials.push(await writesFor(coin(), page, writing));
    await closeWriter(guarded.context, () => writing.keyboard.press('Escape'));
  }
  await page.close();
  return trials;
};

test('nor does it learn whom a post is written for', async () => {
  const [training, trials] = [await writes(Math.ceil(WRITTEN / 2)), await writes(WRITTEN)];
  const constant = ['height', 'elements', 'words', 'keydown', 'input', 'click', 'pointerdown', 'message'];
  learnsNothing('whom a post is written for', training, trials, constant);
});

test('where the form is in the page, it learns that', async () => {
  const page = await listening();
  const trials: Trial[] = [];
  while (trials.length < OFF) {
    await page.evaluate(() => {
      const form = document.createElement('form');
      form.innerHTML =
        '<textarea id="text"></textarea><input type="checkbox" id="everyone"><p class="suggest"><button type="button">bob</button></p>';
      document.querySelector('form')?.remove();
      document.querySelector('main')?.append(form);
    });
    trials.push(await writesFor(coin(), page, page));
  }
  await page.close();
  const results = [judge('input', trials, ({ input = 0 }) => input > 1)];
  console.log(table('the same, with the form in the page', results));
  for (const { attack, low } of results) assert.ok(low >= 0.5, attack);
});
