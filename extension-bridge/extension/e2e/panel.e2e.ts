import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.ts';
import { shot } from './support/shots.ts';
import { World, type Daemon } from './support/world.ts';

let world: World;
let alice: Daemon;
let browser: Browser;

before(async () => {
  world = await World.start();
  alice = await world.daemon('alice');
  browser = await Browser.launch(alice.home);
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

test('the extension pairs with the daemon', async () => {
  await browser.pair(alice);
  const panel = await browser.page('panel.html');
  await panel.getByText('Connected through the mixnet').waitFor();
  await shot(panel, 'panel-empty');
});

test('a stopped worker starts again', async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
  await browser.stopWorker();
  assert.equal(browser.workerRuns, false);
  const panel = await browser.page('panel.html');
  await panel.getByText('Connected through the mixnet').waitFor();
  assert.equal(browser.workerRuns, true);
  const worker = await browser.worker();
  assert.equal(await worker.evaluate(() => chrome.runtime.id), browser.id);
});
