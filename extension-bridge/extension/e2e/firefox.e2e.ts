import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Firefox, firefoxPath } from './support/firefox.ts';
import { until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

const path = firefoxPath();
/** A site whose script notes the keys it hears. */
const PAGE = `<!doctype html><html lang="en"><title>A site</title><main></main><textarea id="area" rows="4" cols="60"></textarea>
<script>window.heard = ''; addEventListener('keydown', (event) => { heard += event.key; }, true);</script></html>`;

describe('in Firefox', { skip: path === undefined && 'there is no firefox-esr here' }, () => {
  let world: World;
  let alice: Daemon;
  let bob: Daemon;
  let firefox: Firefox;
  let site: Server;

  before(async () => {
    world = await World.start();
    [alice, bob] = await Promise.all([world.daemon('alice'), world.daemon('bob')]);
    await world.introduce(alice, bob);
    firefox = await Firefox.launch(path as string, alice.home);
    site = createServer((_, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(PAGE);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  });

  after(async () => {
    await firefox?.close();
    site?.close();
    await world?.stop();
  });

  test('the first run opens its page, which goes on when the host is installed, and pairs', async () => {
    const page = await firefox.onboarding();
    await page.shows('Welcome to Bauta');
    await page.shows('bauta browser install', '#daemon');
    const installed = await firefox.installHost();
    assert.equal(installed.code, 0, installed.stderr);
    await page.shows('Follows after pairing', '#persona');
    await page.shows('pairing code', '#pair');
    await firefox.pair(alice);
    await page.shows('alice', '#persona');
    const [pairing] = await alice.json<{ state: string; origin: string; label: string }[]>('pair', 'list');
    assert.equal(pairing?.state, 'paired');
    assert.equal(pairing?.origin, 'firefox-extension://extension@bauta.app/');
    assert.equal(pairing?.label, 'Firefox (linux)');
  });

  test('a message from the panel arrives, and its answer appears there', async () => {
    const panel = await firefox.panel();
    await panel.shows('Connected through the mixnet', '#status');
    await panel.click('#contact-bob');
    await panel.click('#text');
    await panel.type('to the old bridge?\n');
    await until('bob has the message', async () =>
      JSON.stringify(await bob.json('history', 'alice')).includes('to the old bridge?'),
    );
    await panel.shows('Delivered', '.own');
    await bob.json('send', 'alice', 'at nine');
    await panel.shows('at nine', '.theirs');
    // A panel that is closed before the background page hears that this was read leaves it unread.
    await panel.click('#back');
    const read = "document.getElementById('contact-bob') !== null && document.querySelector('.row .count') === null";
    await until('nothing is unread', () => panel.evaluate<boolean>(read));
    await panel.close();
  });

  test('a background page that ends in the middle loses nothing', async () => {
    const panel = await firefox.panel();
    await panel.shows('at nine');
    await firefox.stopBackground();
    await bob.json('send', 'alice', 'bring a lantern');
    await panel.shows('bring a lantern', '.row .line');
    await panel.close();
    await firefox.stopBackground();
    await bob.json('send', 'alice', 'and a cloak', '--wait', 'delivered');
    const again = await firefox.panel();
    await again.shows('and a cloak', '.row .line');
    await again.shows('2 unread', '.row .count');
    await again.close();
  });

  test('notifications are off, and the browser asks when they are switched on', async () => {
    const panel = await firefox.panel();
    const allowed = (): Promise<boolean> =>
      panel.evaluate<boolean>('browser.permissions.contains({ permissions: ["notifications"] })');
    const chosen = (): Promise<string> =>
      panel.evaluate<string>('document.querySelector("[name=notices]:checked")?.value ?? ""');
    await panel.shows('Connected through the mixnet', '#status');
    await panel.activate();
    await panel.click('#settings');
    await until('they are off', async () => (await chosen()) === 'off');
    assert.equal(await allowed(), false);
    await panel.click('#notices-bare');
    await firefox.allow();
    await until('they are on', async () => (await chosen()) === 'bare' && (await allowed()));
    await panel.click('#notices-off');
    await until('they are off again', async () => (await chosen()) === 'off' && !(await allowed()));
    await panel.close();
  });

  test('on a site that is switched on, a post is opened and one is written, and the page has nothing of them', async () => {
    const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
    const post = await bob.json<{ text: string }>(
      'post',
      'encrypt',
      'the ball begins at ten',
      '--public',
      '--wait',
      'queued',
    );
    const page = await firefox.tab();
    await page.goto(address);
    await page.evaluate(`document.querySelector('main').textContent = ${JSON.stringify(post.text)}`);
    await firefox.switchOn('http://127.0.0.1/*');
    await page.activate();
    const line = await page.frame('the ball begins at ten');
    // Pressed before a person can have seen it, it does nothing.
    await until('the post is unfolded', async () => {
      if ((await line.text()).includes('Everyone with Mask')) return true;
      await line.click('button');
      return false;
    });
    const held = await page.evaluate<string>('document.documentElement.outerHTML + document.documentElement.innerText');
    assert.ok(!held.includes('the ball'), held);

    await page.click('#area');
    await page.press('\uE00A', '\uE008', 'E');
    const window = await firefox.writer();
    await page.evaluate('heard = ""');
    await window.click('#everyone');
    await window.shows('whoever has Mask can read the post');
    await window.click('#text');
    await window.type('masks off at midnight');
    await window.click('button.main');
    const written = await until(
      'the post is in the editor',
      async () => (await page.evaluate<string>('document.querySelector("#area").value')) || undefined,
    );
    assert.equal(await page.evaluate('heard'), '');
    const opened = await bob.json<{ text: string }>('post', 'decrypt', written, '--offline');
    assert.equal(opened.text, 'masks off at midnight');
  });
});
