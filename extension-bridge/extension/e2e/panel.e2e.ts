import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Page } from 'playwright-core';
import { Browser, pairingCode } from './support/browser.ts';
import { pressByKeyboard, tabAround } from './support/keyboard.ts';
import { Panel } from './support/panel.ts';
import { checkAccessibility } from './support/shots.ts';
import { Story } from './support/story.ts';
import { settles, until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

// Alice has the browser; Bob and Carol have command lines. Each test continues where the one before ended, as a user does.
let world: World;
let alice: Daemon;
let bob: Daemon;
let carol: Daemon;
let browser: Browser;
let panel: Panel;
const story = new Story(() => browser.pictures('dist/failures'));

before(async () => {
  world = await World.start();
  alice = world.home('alice');
  browser = await Browser.launch(alice.home);
  [bob, carol] = await Promise.all([world.daemon('bob'), world.daemon('carol')]);
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

/** The page that the extension opens when it is installed. */
const firstRun = (): Promise<Page> =>
  until('the first page opens by itself', () =>
    browser.context.pages().find((page) => page.url() === browser.url('onboarding.html')),
  );

story.step('first run: says what is hidden and what is not, and how to start the daemon', async () => {
  const page = await firstRun();
  const below = (heading: string): Promise<string[]> =>
    page.getByRole('heading', { name: heading, exact: true }).locator('xpath=..').locator('li').allInnerTexts();
  assert.ok((await below('Hidden')).includes('Sender and receiver: boxes at the relays carry no names'));
  assert.ok((await below('Not hidden')).includes('That you use the mixnet, from your network'));
  const step = page.locator('#daemon');
  await step.getByText('Not running', { exact: true }).waitFor();
  await step.getByText('bauta up', { exact: true }).waitFor();
  await step.getByText('This page continues when Bauta answers').waitFor();
});

story.step('the page continues when the daemon answers', async () => {
  const page = await firstRun();
  await alice.start();
  await page.locator('#daemon').getByText('Found, version').waitFor();
  await page.getByRole('button', { name: 'Show a pairing code' }).waitFor();
});

story.step('a wrong code is refused, and the third one ends the pairing', async () => {
  const page = await firstRun();
  await page.getByRole('button', { name: 'Show a pairing code' }).click();
  const code = await pairingCode(page);
  assert.match(code, /^\d{6}$/);
  const wrong = code === '000000' ? '111111' : '000000';
  for (const answer of ['2 tries are left', '1 try is left', 'the extension was refused']) {
    const { stderr, code: status } = await alice.cli('pair', 'approve', wrong);
    assert.notEqual(status, 0);
    assert.ok(stderr.includes(answer), stderr);
  }
  await page.getByText('The pairing was refused').waitFor();
  const { stderr } = await alice.cli('pair', 'approve', code);
  assert.ok(stderr.includes('No extension waits for a code'), stderr);
});

story.step('the right code pairs, and what was granted is shown', async () => {
  const page = await firstRun();
  // The least is chosen before; the arrow keys go on to more.
  assert.equal(await page.locator('#level-posts').isChecked(), true);
  await page.locator('#level-posts').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#level-messages').isChecked(), true);
  await pressByKeyboard(page, 'Show a pairing code');
  await page.getByText(/\d seconds left/).waitFor();
  await alice.json('pair', 'approve', await pairingCode(page));
  const step = page.locator('#pair');
  await step.getByText('Paired').waitFor();
  for (const grant of ['status.read', 'posts.use', 'contacts.read', 'messages.read', 'messages.send']) {
    await step.getByText(grant).waitFor();
  }
});

story.step('a persona that is made on the command line appears', async () => {
  const page = await firstRun();
  await page.locator('#persona').getByText('bauta persona new NAME').waitFor();
  await alice.json('persona', 'new', 'alice');
  await page.locator('#persona').getByText('alice').waitFor();
  await page.close();
  panel = await Panel.open(browser);
  await panel.saysOfItself('Connected through the mixnet');
  await panel.shows('No contacts yet');
});

story.step('an invitation from the panel, as QR code and as text, is used by the other side', async () => {
  await panel.press('+ Invite someone');
  await panel.page.getByLabel('Name, for you only').fill('bob');
  await panel.press('Make an invitation');
  const invitation = await panel.page.locator('.command code').innerText();
  assert.equal(String(await panel.scan()), invitation);
  await panel.back();
  await panel.row('bob').getByText('Invited, no answer yet').waitFor();
  await bob.json('contact', 'add', 'alice', invitation);
  await panel.row('bob').getByText('Invited, no answer yet').waitFor({ state: 'detached' });
  await alice.knows('bob');
});

story.step('a message from the panel arrives, and its answer appears without reload', async () => {
  await panel.openConversation('bob');
  await panel.write('hello from the panel');
  await panel.holds(['hello from the panel']);
  await bob.receives('alice', 'hello from the panel');
  await panel.lastOwnIs('Delivered');
  await bob.sends('alice', 'hello from the command line');
  await panel.holds(['hello from the panel', 'hello from the command line']);
});

story.step('what the panel says of a message is what became of it', async () => {
  await bob.stop();
  world.freeze(true);
  await panel.write('while you were out');
  await panel.lastOwnIs('Queued');
  world.freeze(false);
  await panel.lastOwnIs('Stored at the relay');
  await bob.start();
  await panel.lastOwnIs('Delivered');
  await bob.receives('alice', 'while you were out');
});

story.step('what was not read is marked, on the row and on the icon, until it is read', async () => {
  await panel.back();
  await bob.sends('alice', 'one', 'two');
  await panel.hasUnread('bob', 2);
  await panel.row('bob').getByText('two').waitFor();
  await panel.openConversation('bob');
  await browser.badgeIs('');
  await panel.back();
  await panel.hasUnread('bob', 0);
});

story.step('a request is shown and accepted, and the conversation goes on', async () => {
  await alice.json('persona', 'publish');
  await carol.json('contact', 'add', 'alice', await alice.address());
  await carol.sends('alice', 'we met at the library');
  await panel.press('Requests 1');
  await panel.shows('we met at the library');
  await panel.shows('The sender learns nothing until you accept.');
  await panel.page.getByLabel('Name, for you only').fill('carol');
  await panel.press('Accept');
  await panel.openConversation('carol');
  await panel.holds(['we met at the library']);
  await panel.write('so we did');
  await carol.receives('alice', 'so we did');
  await panel.back();
});

story.step('a request is blocked, and nothing more comes from its sender', async () => {
  await carol.json('persona', 'new', 'pest');
  await carol.json('contact', 'add', 'alice', await alice.address(), '--as', 'pest');
  await carol.json('send', 'alice', 'buy this', '--as', 'pest');
  await panel.openByKeyboard('Requests 1');
  await panel.shows('buy this');
  await pressByKeyboard(panel.page, 'Block');
  await panel.row('bob').waitFor();
  await carol.json('send', 'alice', 'buy this too', '--as', 'pest');
  await carol.json('send', 'alice', 'only I', '--as', 'carol');
  await panel.hasUnread('carol', 1);
  assert.equal(await panel.button('Requests 1').count(), 0);
  assert.deepEqual(await alice.json('contact', 'requests'), []);
  await panel.openConversation('carol');
  await panel.holds(['we met at the library', 'so we did', 'only I']);
  await panel.back();
});

story.step('the safety number is that of both command lines, in digits and as QR code', async () => {
  const [ours, theirs] = [await alice.json('contact', 'verify', 'bob'), await bob.json('contact', 'verify', 'alice')];
  assert.equal(ours.digits, theirs.digits);
  await panel.openConversation('bob');
  await panel.press('Verify');
  const digits = await panel.page.locator('.digits').innerText();
  assert.equal(digits.split(/\s+/).join(' ').trim(), ours.digits);
  // The bytes themselves, as on the command line.
  assert.equal((await panel.scan()).toString('hex'), ours.qr);
  assert.equal(ours.qr, theirs.qr);
  await panel.press('The numbers are equal');
  await panel.shows('Verified');
  assert.equal((await alice.json('contact', 'show', 'bob')).verified, true);
  await panel.back();
  await panel.back();
});

story.step('the keyboard alone reaches everything, and Escape goes back', async () => {
  const always = ['Connected through the mixnet', 'Settings', 'Persona', 'Search'];
  const inBob = ['Verified', 'About bob', 'Conversation with bob', 'More about this message', 'Write to bob', 'Send'];
  const inSettings = [
    // Radio buttons are one stop.
    ...['Off', 'Keep messages', 'Profiles', 'Blocked', 'Pair with Bauta'],
    ...['bauta config list', 'Copy: bauta config list'],
  ];
  /** With what is there last, where a view reads something first. */
  const inView: ReadonlyArray<readonly [string, readonly string[], string?]> = [
    ['bob', ['‹ Back', ...inBob], '.more'],
    ['Search', ['‹ Back', 'Search all messages']],
    ['+ Invite someone', ['‹ Back', 'Name, for you only', 'Make an invitation']],
    ['Add by address', ['‹ Back', 'Address or invitation', 'Name, for you only', 'Add']],
    ['Settings', ['‹ Back', ...inSettings], '#keep'],
    ['Connected through the mixnet', ['‹ Back']],
  ];
  assert.deepEqual(await tabAround(panel.page), [...always, 'carol', 'bob', '+ Invite someone', 'Add by address']);
  for (const [view, expected, last] of inView) {
    await panel.openByKeyboard(view);
    if (last !== undefined) await panel.page.locator(last).first().waitFor();
    assert.deepEqual(await tabAround(panel.page), [...always, ...expected], view);
    await panel.page.keyboard.press('Escape');
    await panel.row('bob').waitFor();
  }
});

story.step('Enter sends, and Shift+Enter begins a new line', async () => {
  const { page } = panel;
  await panel.openByKeyboard('bob');
  // The conversation is there before its messages.
  await panel.page.locator('.bubbles li').first().waitFor();
  const before = await panel.texts();
  await page.keyboard.type('first line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second line');
  await page.keyboard.press('Enter');
  await panel.holds([...before, 'first line\nsecond line']);
  await bob.receives('alice', 'first line\nsecond line');
});

story.step('what is being written stays when the worker is stopped', async () => {
  await panel.field.fill('half a sen');
  await browser.stopWorker();
  await panel.saysOfItself('Connected through the mixnet');
  await settles(() => panel.field.inputValue(), 'half a sen');
  await panel.page.keyboard.type('tence');
  await panel.page.keyboard.press('Enter');
  await bob.receives('alice', 'half a sentence');
});

story.step('the worker is stopped again and again while messages come: each is shown once, in order', async () => {
  const before = await panel.texts();
  const sent = Array.from({ length: 8 }, (_, at) => `number ${at + 1}`);
  for (const text of sent) {
    await Promise.all([bob.sends('alice', text), browser.stopWorker()]);
  }
  await panel.holds([...before, ...sent]);
  await panel.showsNoError();
  await panel.write('and one back');
  await panel.holds([...before, ...sent, 'and one back']);
  await bob.receives('alice', 'and one back');
});

story.step('a message that is under way when the worker is stopped is sent, and only once', async () => {
  const before = await panel.texts();
  const sent = Array.from({ length: 4 }, (_, at) => `under way ${at + 1}`);
  for (const text of sent) {
    await Promise.all([panel.write(text), browser.stopWorker()]);
    await settles(() => panel.field.inputValue(), '');
  }
  await panel.holds([...before, ...sent]);
  await panel.showsNoError();
  await bob.receives('alice', 'under way 4');
  assert.deepEqual((await bob.textsFrom('alice')).slice(-sent.length), sent);
});

story.step('messages that come while no worker runs are shown as unread when it starts', async () => {
  const before = await panel.texts();
  await browser.closePages();
  await browser.stopWorker();
  await bob.sends('alice', 'asleep 1', 'asleep 2', 'asleep 3');
  await alice.receives('bob', 'asleep 3');
  assert.equal(browser.workerRuns, false);
  panel = await Panel.open(browser);
  await panel.hasUnread('bob', 3);
  await panel.openConversation('bob');
  await panel.holds([...before, 'asleep 1', 'asleep 2', 'asleep 3']);
  await browser.badgeIs('');
  await panel.back();
});

story.step('a browser that was closed and opened knows what was not read', async () => {
  await panel.openConversation('bob');
  const before = await panel.texts();
  await panel.back();
  await bob.sends('alice', 'before it closed');
  await panel.hasUnread('bob', 1);
  await browser.quit();
  await bob.sends('alice', 'while it was closed');
  await alice.receives('bob', 'while it was closed');
  await browser.open();
  panel = await Panel.open(browser);
  await panel.hasUnread('bob', 2);
  await panel.openConversation('bob');
  await panel.holds([...before, 'before it closed', 'while it was closed']);
});

for (const [how, end] of [
  ['stops', () => alice.stop()],
  ['is killed', () => alice.kill()],
] as const) {
  story.step(`the daemon ${how} and starts: the panel says so, and comes back without reload`, async () => {
    const before = await panel.texts();
    await end();
    await panel.saysOfItself('Not running');
    await panel.shows('bauta up');
    await checkAccessibility(panel.page, 'the panel without a daemon');
    await bob.sends('alice', `while it ${how}`);
    await alice.start();
    await panel.saysOfItself('Connected through the mixnet');
    await panel.holds([...before, `while it ${how}`]);
  });
}

story.step(
  "a daemon that starts while no page is open and no worker runs is found by the browser's clock",
  async () => {
    await browser.closePages();
    await alice.stop();
    const worker = await browser.worker();
    await settles(() => worker.evaluate(async () => (await chrome.alarms.get('wake'))?.periodInMinutes), 1);
    // The same alarm, sooner.
    await worker.evaluate(() => chrome.alarms.create('wake', { when: Date.now() + 5000 }));
    await browser.stopWorker();
    assert.equal(browser.workerRuns, false);
    await alice.start();
    await bob.sends('alice', 'are you awake?');
    await until('the worker runs', () => browser.workerRuns);
    await browser.badgeIs('1');
    await settles(() => worker.evaluate(() => chrome.alarms.get('wake')), undefined);
    panel = await Panel.open(browser);
    await panel.hasUnread('bob', 1);
    await panel.openConversation('bob');
  },
);

story.step('a pairing that is revoked in use ends at once, and pairing again brings everything back', async () => {
  const before = await panel.texts();
  const [{ id }] = await alice.json('pair', 'list');
  await alice.json('pair', 'revoke', id);
  await panel.saysOfItself('This pairing is no longer valid');
  const opened = browser.context.waitForEvent('page');
  await panel.press('Pair with Bauta');
  const page = await opened;
  await page.locator('#level-messages').check();
  await page.getByRole('button', { name: 'Show a pairing code' }).click();
  await alice.json('pair', 'approve', await pairingCode(page));
  await page.getByText('Paired', { exact: true }).waitFor();
  await page.close();
  await panel.saysOfItself('Connected through the mixnet');
  await panel.holds(before);
});

story.step('each persona has its own conversations', async () => {
  const { page } = panel;
  await panel.back();
  await alice.json('persona', 'new', 'alias');
  await page.getByRole('option', { name: 'alias' }).waitFor({ state: 'attached' });
  await page.getByLabel('Persona').selectOption('alias');
  await panel.shows('No contacts yet');
  assert.equal(await panel.row('bob').count(), 0);
  await bob.sends('alice', 'are you there?');
  await browser.badgeIs('1');
  await page.getByRole('option', { name: /alice.*\(1\)/ }).waitFor({ state: 'attached' });
  assert.equal(await panel.row('bob').count(), 0);
  await page.getByLabel('Persona').selectOption('alice');
  await panel.hasUnread('bob', 1);
});
