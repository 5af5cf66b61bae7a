import assert from 'node:assert/strict';
import { createECDH, createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame, Page } from 'playwright-core';
import { Browser, pairingCode } from './support/browser.ts';
import { frames, frameWith, press, revealAll, writer } from './support/frames.ts';
import { GunRelay } from './support/gun.ts';
import { smaller } from './support/png.ts';
import { program, ROOT, Running } from './support/processes.ts';
import { checkAccessibility, shot } from './support/shots.ts';
import { Site } from './support/site.ts';
import { Story } from './support/story.ts';
import { until } from './support/until.ts';
import { Daemon, World } from './support/world.ts';

// A picture of every screen in its states, each checked by axe-core, which measures the contrast of texts, too.
// What differs is spread over them: English is light and Chinese is dark where nothing else is said.

type Scheme = 'light' | 'dark';

/** One reader: a browser in a language. */
class Side {
  readonly language: 'en' | 'zh';
  readonly browser: Browser;
  readonly #words: Record<string, { message: string }>;
  #panel: Page | undefined;

  constructor(language: 'en' | 'zh', browser: Browser) {
    this.language = language;
    this.browser = browser;
    this.#words = JSON.parse(
      readFileSync(join(ROOT, '_locales', language === 'en' ? 'en' : 'zh_CN', 'messages.json'), 'utf8'),
    );
  }

  words(key: string): string {
    const found = this.#words[key]?.message;
    assert.ok(found, `there are words for ${key}`);
    return found;
  }

  /** The panel's page, open all the time. */
  get panel(): Page {
    if (this.#panel === undefined) throw new Error('the panel is not open');
    return this.#panel;
  }

  async openPanel(): Promise<void> {
    this.#panel = await this.browser.page('panel.html');
  }

  async press(key: string): Promise<void> {
    await this.panel
      .getByRole('button', { name: this.words(key) })
      .first()
      .click();
  }

  async status(key: string): Promise<void> {
    await this.panel.locator('#status').getByText(this.words(key).replace(/\$1.*/, '')).waitFor();
  }

  async back(): Promise<void> {
    await this.panel.keyboard.press('Escape');
    await this.panel.locator('.list').waitFor();
  }

  /** `sizes`: width and height; the scheme is the side's own, or another that is named. */
  async picture(
    page: Page,
    name: string,
    {
      scheme = this.language === 'en' ? 'light' : 'dark',
      width = 360,
      height = 640,
    }: { scheme?: Scheme; width?: number; height?: number } = {},
  ): Promise<void> {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    // Nothing is pointed at.
    await page.mouse.move(0, 0);
    const clipped = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('body, main, section, .card, .foot, .top, button')]
        .filter(
          (one) =>
            one.scrollWidth > one.clientWidth + 1 &&
            getComputedStyle(one).overflowX === 'visible' &&
            one.offsetParent !== null,
        )
        .map((one) => one.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(clipped, [], `nothing reaches over its edge: ${name}`);
    const low = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('button, select, input:not([type=checkbox], [type=radio]), textarea')]
        .filter((one) => one.offsetParent !== null && one.getBoundingClientRect().height < 32)
        .map((one) => one.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(low, [], `every target is 32 px high: ${name}`);
    await shot(page, `${name}-${this.language}-${scheme}-${width}`);
  }
}

const DARK = { scheme: 'dark' } as const;
const WIDE = { width: 720 } as const;

let world: World;
let gun: GunRelay;
let site: Site;
let alice: Daemon;
let bob: Daemon;
let carol: Daemon;
/** Her relay stops answering; the network keeps running. */
let dora: Daemon;
let third: Side;
let english: Side;
let sides: Side[];

const story = new Story(async () => {
  for (const side of sides) await side.browser.pictures(`dist/failures/${side.language}`);
});

const both = async (run: (side: Side) => Promise<void>): Promise<void> => {
  for (const side of sides) await run(side);
};

/** A public key of secp256k1 that nobody uses. */
const keyOf = (name: string): string => {
  const curve = createECDH('secp256k1');
  curve.setPrivateKey(createHash('sha256').update(name).digest());
  return curve.getPublicKey('hex', 'compressed');
};

const LONG = 'Wilhelmina Featherstonehaugh-Cholmondeley of the Upper Lagoon';
const RTL = 'مريم الحسيني';
const OTHERS = [
  LONG,
  RTL,
  '李雷',
  'Åsa Öberg',
  'Beatriz',
  'Chidi',
  'Dmitri',
  'Eszter',
  'Fatima',
  'Giulia',
  'Hanako',
  'Ingrid',
  'João',
  'Kwame',
  'Lucía',
  'Mateusz',
  'Nadia',
  'Oluwaseun',
  'Petra',
];
const FIRST_LINES = new Map([
  [LONG, 'Would you be so kind as to forward the invitation, at your earliest convenience?'],
  [RTL, 'نلتقي عند الجسر القديم في التاسعة'],
  ['李雷', '明天上午九点在老桥见面，可以吗？'],
  ['Beatriz', 'Até amanhã'],
]);
const LETTER =
  `The masks were handed out at the water gate, one to each guest, and nobody asked for a name. ${'Whoever came by boat went up the left stair, whoever came on foot the right one, and by ten the two lines had mixed so well that not even the host could tell them apart. '.repeat(6)}`.slice(
    0,
    899,
  ) + '…';

before(async () => {
  world = await World.start();
  gun = await GunRelay.start(join(world.dir, 'gun'));
  const up = ['--gun', gun.url];
  alice = world.home('alice', { up });
  const launch = async (language: 'en' | 'zh', locale: string): Promise<Side> =>
    new Side(language, await Browser.launch(alice.home, { grantSites: true, locale, width: 360, height: 640 }));
  sides = [await launch('en', 'en-US'), await launch('zh', 'zh-CN')];
  english = sides[0] as Side;
  [bob, carol] = await Promise.all([world.daemon('bob', { up }), world.daemon('carol', { up }), silenced()]);
  site = await Site.start();
});

after(async () => {
  for (const side of [...(sides ?? []), ...(third === undefined ? [] : [third])]) await side.browser.close();
  await site?.stop();
  await gun?.stop();
  await world?.stop();
});

/** Dora has a relay of her own, which stops once she is connected. */
const silenced = async (): Promise<void> => {
  const relay = new Running(program('bauta'), [
    '--json',
    'relay',
    '--data',
    join(world.dir, 'relay'),
    '--network',
    world.network,
    '--traffic',
    'test',
  ]);
  const { address } = await until('the second relay runs', () => {
    relay.assertRunning();
    return /^\{.*\}$/m.test(relay.stdout) && (JSON.parse(relay.stdout) as { address: string });
  });
  const network = join(world.dir, 'second.json');
  const id = /^bauta-relay:([^?]+)/.exec(address)?.[1];
  writeFileSync(
    network,
    JSON.stringify({ ...JSON.parse(readFileSync(world.network, 'utf8')), relays: [{ id, address }] }),
  );
  dora = new Daemon('dora', join(world.dir, 'dora'), [
    '--network',
    network,
    '--unlock',
    'keyfile',
    '--traffic',
    'test',
  ]);
  world.daemons.push(dora);
  await dora.start();
  await dora.json('persona', 'new', 'dora');
  await dora.connected();
  await relay.end('SIGKILL');
  third = new Side('en', await Browser.launch(dora.home));
  await third.browser.pair(dora);
};

const onboarding = (side: Side): Promise<Page> => side.browser.page('onboarding.html');

/** Changes where the browser finds the host, until it is put back. */
const withHost = async (
  side: Side,
  manifest: Record<string, unknown> | undefined,
  run: () => Promise<void>,
): Promise<void> => {
  const file = join(side.browser.profile, 'NativeMessagingHosts/app.bauta.bridge.json');
  const kept = readFileSync(file, 'utf8');
  if (manifest === undefined) rmSync(file);
  else writeFileSync(file, JSON.stringify({ ...JSON.parse(kept), ...manifest }));
  try {
    await run();
  } finally {
    writeFileSync(file, kept);
  }
};

/** Tries again, and waits for the screen's title. */
const becomes = async (side: Side, stage: string): Promise<void> => {
  await until(`the panel says ${stage}`, async () => {
    if ((await side.panel.locator('#apart h2').innerText()) === side.words(`stage_${stage}`)) return true;
    const again = side.panel.locator('#apart button.main', { hasText: side.words('tryAgain') });
    if (await again.isVisible()) await again.click({ timeout: 1000 });
    return false;
  });
};

story.step('before the daemon runs: not running, not found, not allowed, locked', async () => {
  await both(async (side) => {
    const page = await onboarding(side);
    await page.locator('#daemon .command').waitFor();
    await side.picture(page, 'onboarding-stopped', { ...WIDE, height: 720 });
    await page.close();
    await side.openPanel();
    await becomes(side, 'stopped');
    await side.picture(side.panel, 'panel-stopped');
    await withHost(side, undefined, async () => {
      await becomes(side, 'missing');
      await side.picture(side.panel, 'panel-missing');
    });
    if (side === english)
      await withHost(side, { allowed_origins: [`chrome-extension://${'a'.repeat(32)}/`] }, async () => {
        await becomes(side, 'forbidden');
        await side.picture(side.panel, 'panel-forbidden');
      });
  });
  // A daemon that waits for its keychain holds the lock, and nothing else.
  mkdirSync(join(alice.home, 'run'), { recursive: true, mode: 0o700 });
  const waiting = new Running('flock', ['--no-fork', join(alice.home, 'run/bauta.lock'), 'sleep', '600']);
  await both(async (side) => {
    await becomes(side, 'locked');
    await side.picture(side.panel, 'panel-locked');
  });
  await waiting.end();
});

story.step('pairing, the first persona and the first invitation', async () => {
  await alice.start();
  await both(async (side) => {
    await becomes(side, 'unpaired');
    await side.picture(side.panel, 'panel-unpaired');
    const page = await onboarding(side);
    await page.locator('#pair button').waitFor();
    await side.picture(page, 'onboarding-levels', { ...WIDE, height: 980 });
    await page.locator('#level-messages').check();
    await page.locator('#pair button').click();
    await page.evaluate(() => scrollTo(0, 0));
    const code = await pairingCode(page);
    await side.picture(page, 'onboarding-pairing', { ...WIDE, height: 880 });
    if (side === english) await side.picture(page, 'onboarding-pairing', { height: 1160, ...DARK });
    else await side.picture(page, 'onboarding-pairing', { height: 1100, scheme: 'light' });
    await alice.json('pair', 'approve', code);
    await page.locator('#pair .ok').waitFor();
    if (side === english) {
      await page.locator('#persona .command').first().waitFor();
      await side.picture(page, 'onboarding-persona', { ...WIDE, height: 900 });
      await side.panel.locator('.empty .command').waitFor();
      await side.picture(side.panel, 'panel-nobody');
      await alice.json('persona', 'new', 'alice');
      await alice.connected();
    }
    await page.locator('#persona button[type=submit]').click();
    await page.locator('.qr').waitFor();
    await side.picture(page, 'onboarding-invitation', { ...WIDE, height: 1240 });
    await page.close();
  });
});

story.step('empty: no contacts, nothing to say about them yet', async () => {
  await both(async (side) => {
    const { panel } = side;
    await side.status('state_ready');
    await panel.locator('.list .empty').or(panel.locator('.list .row')).first().waitFor();
    await side.press('addByAddress');
    await side.picture(panel, 'add');
    await panel.locator('#add-address').fill('bauta:nonsense');
    await panel.locator('#add-name').fill('x');
    await panel.locator('form .main').click();
    await panel.locator('.problem').waitFor();
    await side.picture(panel, 'add-error', side === english ? DARK : { scheme: 'light' });
    await side.back();
    await side.press('inviteSomeone');
    await panel.locator('#invite-name').fill('eve');
    await side.picture(panel, 'invite');
    await side.back();
    await panel.locator('#settings').click();
    await panel.locator('.plain li').first().waitFor();
    await side.picture(panel, 'settings', { height: 720 });
    await side.back();
  });
});

const say = async (from: Daemon, to: string, text: string): Promise<void> => {
  await from.json('send', to, text, '--wait', 'delivered');
};

story.step('full: twenty conversations, long names, one that is written from the right, a long message', async () => {
  await alice.json('persona', 'publish');
  const { address } = await alice.json('persona', 'show', 'alice');
  await carol.json('persona', 'new', 'dana');
  for (const daemon of [alice, bob]) await daemon.json('post', 'settings', '--block', '2', '--spread', '1s');
  await Promise.all([
    world.introduce(alice, bob),
    carol
      .json('contact', 'add', 'alice', address, '--as', 'carol')
      .then(() =>
        carol.json(
          'send',
          'alice',
          'We met at the library, by the maps. You lent me the book about the lagoon; may I bring it back on Thursday?',
          '--as',
          'carol',
          '--wait',
          'queued',
        ),
      ),
    carol
      .json('contact', 'add', 'alice', address, '--as', 'dana')
      .then(() => carol.json('send', 'alice', 'هل تذكرني؟ كنا في نفس الصف.', '--as', 'dana', '--wait', 'queued')),
  ]);
  // Written to at once: nothing can be sent to somebody whom no relay knows, which shows after a while.
  for (const name of OTHERS.toReversed()) {
    await alice.json('contact', 'add', name, keyOf(name));
    const text = FIRST_LINES.get(name);
    if (text !== undefined) await alice.json('send', name, text, '--wait', 'queued');
  }
  await until('bob is shown', async () => (await english.panel.locator('[id="contact-bob"]').count()) === 1);
  await both(async (side) => {
    await side.panel.locator('[id="contact-bob"]').click();
    await side.panel.locator('.scroll .empty').waitFor();
    await side.picture(side.panel, 'conversation-empty');
    await side.back();
  });
  await say(bob, 'alice', 'Are you coming to the ball?');
  await say(alice, 'bob', 'Yes.');
  await say(alice, 'bob', 'Which mask will you wear?');
  await say(bob, 'alice', LETTER);
  await say(bob, 'alice', 'So: the white one, as always.');
  await say(alice, 'bob', 'See you at the old bridge, at nine');
  await until('both requests are there', async () => (await alice.json('contact', 'requests')).length === 2);
});

/** A post as a network shows a link: the address whole, its text cut. */
const linked = (text: string): string => {
  const [address = ''] = /https:\/\/mask\.io\/\S+/.exec(text) ?? [];
  assert.notEqual(address, '', text);
  return `<a href="${address.replaceAll('&', '&amp;')}">mask.io/?PostData_v2=…</a>`;
};

/** Changes one byte of a post's cipher text. */
const harm = (text: string): string =>
  text.replace(/(PostData_v2=)(\S+)/, (_, start: string, value: string) => {
    const bytes = Buffer.from(decodeURIComponent(value), 'base64');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
    return start + encodeURIComponent(bytes.toString('base64'));
  });

/** A page with posts, like a social network's. */
const wall = (
  posts: readonly string[],
): string => `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A site</title>
<style>body{margin:0;overflow-wrap:anywhere;background:#eef1f5;color:#14171a;font:15px/20px system-ui,sans-serif}main{max-width:560px;margin:0 auto;padding:16px}article{background:#fff;border:1px solid #d7dde4;border-radius:8px;padding:12px 16px;margin-bottom:12px}h2{font-size:15px;margin:0 0 4px}p{margin:0}textarea{width:100%;box-sizing:border-box;font:inherit}</style></head>
<body><main><h1 style="font-size:20px">A social network</h1><textarea id="area" rows="3" aria-label="What is new?"></textarea>${posts.map((text, at) => `<article><h2>${['Bob', 'Carol', 'Dora', 'Eve'][at] ?? 'Someone'}</h2><p class="post">${linked(text)}</p></article>`).join('')}</main></body></html>`;

/** Our frames are pages of another origin: each is checked separately. */
const checkFrames = async (all: readonly Frame[], name: string): Promise<void> => {
  for (const frame of all) await checkAccessibility(frame, name);
};

const visit = async (side: Side, path: string): Promise<Page> => {
  const page = await side.browser.tab();
  await page.setViewportSize({ width: 720, height: 640 });
  await page.emulateMedia({ colorScheme: side === english ? 'light' : 'dark' });
  await page.goto(site.url(path));
  return page;
};

let unread: string;

story.step('in a page: opened for some and for all, not for you, damaged', async () => {
  const write = async (text: string, ...args: string[]): Promise<string> =>
    (await bob.json('post', 'encrypt', text, ...args)).text as string;
  const [some, all, others, whole, later] = await Promise.all([
    write(
      'The ball begins at ten. Come by the water gate, and keep your mask on until midnight.',
      '--to',
      'alice',
      '--gun-only',
    ),
    write('Everyone with Mask can read this one.', '--public'),
    write('for nobody else'),
    write('whole', '--public'),
    write('read later', '--to', 'alice', '--gun-only'),
  ]);
  unread = later;
  const harmed = harm(whole);
  site.pages.set('/wall', { html: wall([some, all, others, harmed]) });
  await both(async (side) => {
    const page = await visit(side, '/wall');
    await frameWith(page, 'Everyone with Mask can read');
    await until('four lines', async () => {
      const shown = await Promise.all(frames(page).map((frame) => frame.locator('button').count()));
      return shown.length === 4 && shown.every((buttons) => buttons === 1);
    });
    await side.picture(page, 'posts-closed', { ...WIDE, height: 640 });
    await checkFrames(frames(page), `the closed posts (${side.language})`);
    await revealAll(page, [side.words('post_show'), side.words('post_fetch')]);
    await frameWith(page, 'The ball begins at ten');
    await side.picture(page, 'posts', { ...WIDE, height: 820 });
    await checkFrames(frames(page), `the posts (${side.language})`);
    await side.picture(page, 'posts', { height: 900 });
    await page.locator('#area').click();
    await page.keyboard.press('Alt+Shift+KeyE');
    const frame = await writer(side.browser.context);
    await frame.locator('.suggest button').first().waitFor();
    await frame.locator('#text').fill('Meet me at the water gate at half past nine. Bring nobody.');
    await frame.locator('#search').fill('bo');
    await frame.locator('.suggest button').first().click();
    await frame.locator('#search').fill('e');
    await frame.locator('.suggest button').nth(1).click();
    await frame.locator('#text').focus();
    await side.picture(frame, 'compose', { width: 440, height: 660 });
    await frame.close();
    await page.close();
  });
});

story.step('an own post, and the window in which readers are added to it', async () => {
  const { text } = await alice.json('post', 'encrypt', 'The lantern is in the boat house.', '--to', 'bob');
  site.pages.set('/mine', { html: wall([text]) });
  await both(async (side) => {
    const page = await visit(side, '/mine');
    await revealAll(page, [side.words('post_show'), side.words('post_fetch')]);
    const frame = await frameWith(page, 'The lantern is in the boat house.');
    await checkFrames([frame], 'an own post');
    await press(frame, side.words('addReaders'));
    const window = await until('the window for readers', () =>
      side.browser.context.pages().find((one) => one.url().includes('/readers.html#')),
    );
    await window.locator('.suggest button').first().click();
    await side.picture(window, 'readers', { width: 440, height: 460 });
    await window.close();
    await page.close();
  });
});

story.step('degraded: a relay that does not answer', async () => {
  await third.openPanel();
  await third.status('state_degraded');
  await third.panel.locator('#advice p').waitFor();
  await third.picture(third.panel, 'list-degraded');
  await third.panel.locator('#status').click();
  await third.panel.locator('dl').waitFor();
  await third.picture(third.panel, 'status-degraded', { height: 720, ...DARK });
});

story.step('the network stops answering; what is on this machine is shown all the same', async () => {
  await bob.json('send', 'alice', 'P.S. Bring the lantern.', '--wait', 'delivered');
  world.freeze(true);
  await alice.json('send', 'bob', 'I will.', '--wait', 'queued');
  await both(async (side) => {
    const { panel } = side;
    await panel.reload();
    await until('all conversations', async () => (await panel.locator('.rows .row').count()) >= 20);
    // What one of them has read is read in the other.
    if (side === english) await panel.locator('.row.unread').first().waitFor();
    await panel.locator('.row', { hasText: 'bob' }).locator('.icon').waitFor();
    await side.picture(panel, 'list');
    await side.picture(panel, 'list', { ...WIDE, scheme: side === english ? 'dark' : 'light' });
    await panel.locator('#requests').click();
    await panel.locator('.card').nth(1).waitFor();
    await side.picture(panel, 'requests', { height: 720 });
    if (side === english) await side.picture(panel, 'requests', { ...WIDE, ...DARK });
    await side.back();
    await panel.locator('[id="contact-bob"]').click();
    await panel.locator('.own').last().getByText(side.words('message_queued')).waitFor();
    await panel.locator('#text').fill(side === english ? 'One more thing' : '还有一件事');
    await side.picture(panel, 'conversation');
    await side.picture(panel, 'conversation', { ...WIDE, scheme: side === english ? 'dark' : 'light' });
    await panel.locator('#text').fill('1\n2\n3\n4\n5\n6\n7\n8');
    assert.equal(await panel.locator('#text').evaluate((field) => field.clientHeight), 130, 'six lines');
    await panel.locator('#text').fill('x'.repeat(15_003));
    await panel.locator('.composer .meta').getByText('3').waitFor();
    if (side === english) await side.picture(panel, 'conversation-too-long');
    await panel.locator('#text').fill('');
    await panel.locator('#log').evaluate((log) => log.scrollTo(0, 0));
    await panel.locator('.day').first().waitFor();
    await side.picture(panel, 'conversation-begin', side === english ? DARK : { scheme: 'light' });
    await panel.locator('.more').first().click();
    await panel.locator('.bubbles .actions').waitFor();
    await side.picture(panel, 'conversation-message', side === english ? {} : { scheme: 'light' });
    await side.press('verify');
    await panel.locator('.digits span').nth(11).waitFor();
    assert.match(await panel.locator('.digits').innerText(), /^(\d{5}\s+){11}\d{5}\s*$/);
    await side.picture(panel, 'verify', { height: 720 });
    await side.back();
    await panel.locator(`[id="contact-${RTL}"]`).click();
    await panel.locator('.own').first().waitFor();
    await side.picture(panel, 'conversation-right-to-left');
    await side.back();
    await panel.locator(`[id="contact-${LONG}"]`).click();
    await panel.locator('.own').first().waitFor();
    if (side === english) await side.picture(panel, 'conversation-long-name');
    await side.back();
    await panel.locator('[id="contact-Chidi"]').click();
    await panel.locator('.chat-head .problem').waitFor();
    await side.picture(panel, 'conversation-unreachable');
    await side.back();
    await side.press('inviteSomeone');
    await panel.locator('#invite-name').fill(side === english ? 'Frida' : '小红');
    await panel.locator('form .main').click();
    await panel.locator('.qr').waitFor();
    await side.picture(panel, 'invite-made', { height: 720 });
    await side.back();
    const popup = await side.browser.page('popup');
    await popup.locator('.rows .row').first().waitFor();
    await side.picture(popup, 'popup', { height: 560 });
    await popup.close();
  });
});

story.step('to live with it: search, a contact, profiles, who is blocked, settings', async () => {
  const author = 'person:twitter.com/bob';
  for (const from of [bob, carol]) {
    const { text } = await from.json(
      ...['post', 'encrypt', 'at the water gate', '--public', '--author', author],
      ...(from === carol ? ['--as', 'carol'] : []),
    );
    await alice.json('post', 'decrypt', text, '--author', author, '--offline');
  }
  await alice.json('profile', 'set', 'twitter.com/alice', 'alice');
  await alice.json('contact', 'mute', 'Beatriz');
  await alice.json('contact', 'block', 'Petra');
  await both(async (side) => {
    const { panel } = side;
    await panel.locator('#doubts').waitFor();
    await panel.locator('.row .who .icon').first().waitFor();
    await side.picture(panel, 'list-doubts');
    await panel.locator('#find').click();
    await panel.locator('#find-text').fill(side === english ? 'old bridge' : '老桥');
    await panel.locator('.search mark').first().waitFor();
    await side.picture(panel, 'search');
    await panel.locator('#find-text').fill('xyzzy');
    await panel.locator('#found').getByText(side.words('nothingFound')).waitFor();
    if (side === english) await side.picture(panel, 'search-nothing', DARK);
    await side.back();
    await panel.locator('[id="contact-bob"]').click();
    await panel.locator('#about').click();
    await panel.locator('#new-name').waitFor();
    await side.picture(panel, 'contact', { height: 720 });
    await panel.locator('.list-of-actions button').first().click();
    await panel.locator('dialog').waitFor();
    await side.picture(panel, 'question');
    await panel.keyboard.press('Escape');
    await panel.locator('dialog').waitFor({ state: 'detached' });
    await side.back();
    await panel.locator('#settings').click();
    await panel.locator('#keep').waitFor();
    await side.picture(panel, 'settings-all', { height: 1400 });
    await side.press('profiles');
    await panel.locator('.cards .problem').waitFor();
    await side.picture(panel, 'profiles', { height: 900 });
    await panel.locator('#settings').click();
    await side.press('blocked');
    await panel.locator('.plain li').first().waitFor();
    await side.picture(panel, 'blocked');
    await side.back();
  });
});

story.step('loading: the key does not come', async () => {
  site.pages.set('/later', { html: wall([unread]) });
  await both(async (side) => {
    const page = await visit(side, '/later');
    const closed = await frameWith(page, side.words('post_show'));
    await press(closed, side.words('post_show'));
    await closed.getByText(side.words('post_reveals')).waitFor();
    await checkFrames([closed], 'a post whose key is not here');
    await press(closed, side.words('post_fetch'));
    const frame = await frameWith(page, side.words('post_looking'));
    await until('seconds are counted', async () =>
      /[3-9]/.test(await frame.locator('.by > [aria-hidden=true]').last().innerText()),
    );
    await side.picture(page, 'post-loading', { ...WIDE, height: 360 });
    await checkFrames([frame], 'a post that is looked up');
    await page.close();
  });
});

story.step('lost', async () => {
  await world.killNetwork();
  await both(async (side) => {
    await side.status('lostPhase');
    await side.picture(side.panel, 'list-lost');
    await side.panel.locator('#status').click();
    await side.panel.locator('.problem').waitFor();
    await side.picture(side.panel, 'status-lost', { height: 720, ...(side === english ? DARK : { scheme: 'light' }) });
    await side.back();
  });
});

story.step('connecting: phases, elapsed time, and what to do after ten seconds', async () => {
  await alice.stop();
  await both((side) => becomes(side, 'stopped'));
  await alice.start();
  // At once for both: after some attempts the state has another name.
  await Promise.all(
    sides.map(async (side) => {
      await until('the panel is connected to the daemon', async () => {
        const again = side.panel.locator('#apart button.main', { hasText: side.words('tryAgain') });
        if (await again.isVisible()) await again.click({ timeout: 1000 });
        return (await side.panel.locator('#status').innerText()).startsWith(side.words('state_connecting'));
      });
      await side.picture(side.panel, 'list-connecting');
      await side.panel.locator('#status').click();
      await side.panel.locator('dl').waitFor();
      await side.picture(side.panel, 'status-connecting', { height: 720 });
      await side.back();
      await side.panel.locator('#advice p').waitFor();
      await side.picture(side.panel, 'list-trying', { ...WIDE, scheme: side === english ? 'dark' : 'light' });
    }),
  );
});

story.step('another version, and a pairing that was revoked', async () => {
  // A daemon from before there was a socket for browsers has none.
  const socket = join(alice.home, 'run/bridge.sock');
  for (const { id } of await alice.json<Array<{ id: string }>>('pair', 'list')) await alice.json('pair', 'revoke', id);
  await both(async (side) => {
    await becomes(side, 'revoked');
    await side.picture(side.panel, 'panel-revoked');
    if (side === english) return;
    const page = await onboarding(side);
    await page.locator('#pair [role=alert]').first().waitFor();
    await side.picture(page, 'onboarding-revoked', { height: 900 });
    await page.close();
  });
  rmSync(socket);
  await both(async (side) => {
    await side.browser.stopWorker();
    await becomes(side, 'version');
    await side.picture(side.panel, 'panel-version');
  });
});

/** The pictures that the README shows, with the names they have there. */
const KEPT = {
  'list-en-light-360': 'list',
  'conversation-en-light-360': 'conversation',
  'requests-en-light-360': 'requests',
  'verify-en-light-360': 'verify',
  'invite-made-zh-dark-360': 'invite-zh-dark',
  'onboarding-pairing-en-light-720': 'pairing',
  'posts-en-light-720': 'posts',
  'compose-en-light-440': 'compose',
} as const;

story.step('the pictures of the README', async () => {
  const kept = join(ROOT, '../../docs/screenshots');
  for (const [from, to] of Object.entries(KEPT)) {
    const picture = smaller(readFileSync(join(ROOT, 'dist/screenshots', `${from}.png`)));
    assert.ok(picture.length < 60_000, `${from} is small: ${picture.length} bytes`);
    if (process.env['BAUTA_KEEP_SCREENSHOTS'] !== '1') continue;
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, `${to}.png`), picture);
  }
});
