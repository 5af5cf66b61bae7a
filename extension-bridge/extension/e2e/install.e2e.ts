import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Locator } from 'playwright-core';
import { Browser } from './support/browser.ts';
import { makeDirectory, program, removeDirectory, run } from './support/processes.ts';
import { Story } from './support/story.ts';

// A user without a daemon, whose Chromium keeps its profile where it always does.
const home = makeDirectory();
const { XDG_CONFIG_HOME: _, BAUTA_HOME: __, ...others } = process.env;
const env = { ...others, HOME: home };
const profile = join(home, '.config/chromium');
const manifest = join(profile, 'NativeMessagingHosts/app.bauta.bridge.json');
let browser: Browser;
let daemon: Locator;
const story = new Story(() => browser.pictures('dist/failures'));

interface Check {
  readonly id: string;
  readonly state: string;
  readonly fix: string;
}

const doctor = async (): Promise<Check | undefined> => {
  const { checks } = JSON.parse((await run(program('bauta'), ['doctor', '--json'], env)).stdout) as { checks: Check[] };
  return checks.find((check) => check.id === 'browser.chromium');
};

before(async () => {
  mkdirSync(profile, { recursive: true });
  browser = await Browser.launch(undefined, { profile, env });
  daemon = (await browser.page('onboarding.html')).locator('#daemon');
});

after(async () => {
  await browser?.close();
  removeDirectory(home);
});

story.step('without a manifest the extension and bauta doctor name the same command', async () => {
  await daemon.getByText('bauta browser install', { exact: true }).waitFor();
  assert.deepEqual((await doctor())?.fix, 'bauta browser install --browser chromium');
});

story.step('Chromium finds the host where bauta browser install writes its manifest', async () => {
  const installed = await run(program('bauta'), ['browser', 'install', '--json'], env);
  assert.equal(installed.code, 0, installed.stderr);
  assert.deepEqual(
    (JSON.parse(installed.stdout) as { path: string; state: string }[]).map(({ path, state }) => [path, state]),
    [[manifest, 'written']],
  );
  // The host runs, and says that there is no daemon.
  await daemon.getByText('bauta up', { exact: true }).waitFor();
  assert.equal((await doctor())?.state, 'ok');
});

story.step('bauta browser remove takes it away again', async () => {
  const removed = await run(program('bauta'), ['browser', 'remove'], env);
  assert.equal(removed.code, 0, removed.stderr);
  assert.ok(!existsSync(manifest));
  await daemon.getByText('bauta browser install', { exact: true }).waitFor();
});

story.step('another directory of profiles is written when it is named', async () => {
  await browser.close();
  browser = await Browser.launch(undefined, { env });
  daemon = (await browser.page('onboarding.html')).locator('#daemon');
  await daemon.getByText('bauta browser install', { exact: true }).waitFor();
  assert.equal((await run(program('bauta'), ['browser', 'install', '--dir', browser.profile], env)).code, 0);
  await daemon.getByText('bauta up', { exact: true }).waitFor();
});
