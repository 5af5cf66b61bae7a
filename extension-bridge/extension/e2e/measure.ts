// Times and sizes for docs/performance.md; no test, nothing is asserted. Run by `npm run measure`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { Browser } from './support/browser.ts';
import { frameWith } from './support/frames.ts';
import { Host } from './support/host.ts';
import { ROOT } from './support/processes.ts';
import { bodyOf, Site } from './support/site.ts';
import { World } from './support/world.ts';

const CALLS = 200;
const POSTS = 20;
const STARTS = 20;

const summary = (times: number[]): string => {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (part: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, fastest ${at(0)} ms (${sorted.length} times)`;
};

const dist = join(ROOT, 'dist/chromium');
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
const sum = (sizes: number[]): string => `${Math.round(sizes.reduce((all, size) => all + size, 0) / 1024)} KiB`;
console.log(
  `extension for Chromium: ${sum(files.map((file) => file.length))} in ${files.length} files, ${sum(files.map((file) => deflateRawSync(file, { level: 9 }).length))} compressed`,
);

const world = await World.start();
const site = await Site.start({ '/': bodyOf('') });
const alice = await world.daemon('alice');
const browser = await Browser.launch(alice.home, { grantSites: true, width: 800, height: 900 });
try {
  await browser.pair(alice);

  const starts: number[] = [];
  for (let turn = 0; turn < STARTS; turn += 1) {
    const started = performance.now();
    const host = new Host(alice.home, `chrome-extension://${browser.id}/`);
    await host.firstAnswer();
    starts.push(performance.now() - started);
    await host.end();
  }
  console.log(`host, from its start to the daemon's first answer through it: ${summary(starts)}`);

  const panel = await browser.page('panel.html');
  await panel.locator('#status').getByText('Connected through the mixnet').waitFor();
  const calls = await panel.evaluate(async (count) => {
    const port = chrome.runtime.connect({ name: 'panel' });
    const waiting = new Map<number, () => void>();
    port.onMessage.addListener((message: { type: string; id?: number }) => {
      if (message.type === 'answer') waiting.get(message.id ?? 0)?.();
    });
    const times: number[] = [];
    for (let id = 1; id <= count; id += 1) {
      const started = performance.now();
      await new Promise<void>((resolve) => {
        waiting.set(id, resolve);
        port.postMessage({ type: 'call', id, method: 'status.get', params: {} });
      });
      times.push(performance.now() - started);
    }
    return times;
  }, CALLS);
  console.log(`status.get, from the panel to the daemon and back: ${summary(calls)}`);
  await panel.close();

  // Public, so that they open by themselves.
  const made: Array<{ text: string }> = [];
  for (let at = 0; at < POSTS + 1; at += 1)
    made.push(await alice.json('post', 'encrypt', `measured ${at}.`, '--public'));
  const page = await browser.tab();
  const times: number[] = [];
  for (const [at, { text }] of made.entries()) {
    await page.goto(site.url('/'));
    // The frame itself records when the text is there, so that the time to reach this script does not count.
    const begun = await page.evaluate((payload) => {
      const line = document.createElement('p');
      line.textContent = payload;
      const now = performance.timeOrigin + performance.now();
      document.querySelector('main')?.append(line);
      return now;
    }, text);
    const frame = await frameWith(page, `measured ${at}.`);
    const shown = await frame.evaluate(
      () => performance.timeOrigin + (performance.getEntriesByName('opened')[0]?.startTime ?? Number.NaN),
    );
    // The first one warms up.
    if (at > 0) times.push(shown - begun);
  }
  console.log(`a post that opens by itself, from the payload in the page to the plain text: ${summary(times)}`);
} finally {
  await browser.close();
  await site.stop();
  await world.stop();
}
