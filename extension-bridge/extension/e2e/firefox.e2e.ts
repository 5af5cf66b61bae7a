import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Firefox, firefoxPath } from './support/firefox.ts';
import { until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

const path = firefoxPath();

describe('in Firefox', { skip: path === undefined && 'there is no firefox-esr here' }, () => {
  let world: World;
  let alice: Daemon;
  let bob: Daemon;
  let firefox: Firefox;

  before(async () => {
    world = await World.start();
    [alice, bob] = await Promise.all([world.daemon('alice'), world.daemon('bob')]);
    await world.introduce(alice, bob);
    firefox = await Firefox.launch(path as string, alice.home);
  });

  after(async () => {
    await firefox?.close();
    await world?.stop();
  });

  test('the first run opens its page, finds the daemon, and pairs', async () => {
    const page = await firefox.onboarding();
    await page.shows('Welcome to Bauta');
    await page.shows('Comes after pairing', '#persona');
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
    await until('bob has the message', async () => JSON.stringify(await bob.json('history', 'alice')).includes('to the old bridge?'));
    await panel.shows('Delivered', '.own');
    await bob.json('send', 'alice', 'at nine');
    await panel.shows('at nine', '.theirs');
  });
});
