import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { Browser, pairingCode } from './support/browser.ts';
import { pressByKeyboard } from './support/keyboard.ts';
import { Panel } from './support/panel.ts';
import { checkAccessibility } from './support/shots.ts';
import { Story } from './support/story.ts';
import { settles, until } from './support/until.ts';
import { World, type Daemon } from './support/world.ts';

// To live with it: what is found, deleted, renamed, muted, blocked, kept and locked. Alice has the browser.
let world: World;
let alice: Daemon;
let bob: Daemon;
let carol: Daemon;
let browser: Browser;
let panel: Panel;
const story = new Story(() => browser.pictures('dist/failures'));

before(async () => {
  world = await World.start();
  [alice, bob, carol] = await Promise.all([world.daemon('alice'), world.daemon('bob'), world.daemon('carol')]);
  await world.introduce(alice, bob);
  browser = await Browser.launch(alice.home, { notifications: true });
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

const isClean = (what: string): Promise<void> => checkAccessibility(panel.page, what);

/** The question that is asked before something is deleted. */
const question = (): Locator => panel.page.getByRole('alertdialog');

/** Answers it with the keyboard alone: what does nothing has the focus first. */
const answer = async (label: string): Promise<void> => {
  await question().waitFor();
  await settles(() => panel.page.evaluate(() => document.activeElement?.textContent ?? ''), 'Cancel');
  await isClean(`the question before “${label}”`);
  await panel.page.keyboard.press('Shift+Tab');
  await settles(() => panel.page.evaluate(() => document.activeElement?.textContent ?? ''), label);
  await panel.page.keyboard.press('Enter');
  await question().waitFor({ state: 'detached' });
};

const openSettings = async (): Promise<void> => {
  await panel.openByKeyboard('Settings');
  await panel.page.locator('#keep').waitFor();
};

const openContact = async (name: string): Promise<void> => {
  await panel.openConversation(name);
  await pressByKeyboard(panel.page, `About ${name}`);
  await panel.page.locator('#new-name').waitFor();
};

/** Goes back to the list, from wherever. */
const toList = async (): Promise<void> => {
  await until('the list', async () => {
    if (await panel.page.locator('.list').isVisible()) return true;
    await panel.page.keyboard.press('Escape');
    return false;
  });
};

const grantsShown = (page: Page): Promise<string[]> => page.locator('#pair .facts code').allInnerTexts();

story.step('the least is asked for first, and more when it is wanted', async () => {
  const page = await browser.page('onboarding.html');
  await page.getByRole('button', { name: 'Show a pairing code' }).waitFor();
  assert.deepEqual(await grantsShown(page), ['status.read', 'posts.use']);
  await checkAccessibility(page, 'what a pairing may ask for');
  await page.getByRole('button', { name: 'Show a pairing code' }).click();
  const code = await pairingCode(page);
  const [asks] = await alice.json('pair', 'list');
  assert.deepEqual([asks.state, asks.grants], ['pending', ['status.read', 'posts.use']]);
  assert.deepEqual((await alice.json('pair', 'approve', code)).grants, ['status.read', 'posts.use']);
  await page.locator('#pair .ok').waitFor();
  await page.close();

  panel = await Panel.open(browser);
  await panel.saysOfItself('Connected through the mixnet');
  await panel.shows('This pairing does not show personas.');
  await isClean('the panel of a pairing for posts');
  const opened = browser.context.waitForEvent('page');
  await pressByKeyboard(panel.page, 'Ask for more');
  const more = await opened;
  // What comes next is chosen already.
  await until('the next level', () => more.locator('#level-readers').isChecked());
  await more.locator('#level-messages').check();
  await more.getByRole('button', { name: 'Ask for more' }).click();
  // Until it is granted, all goes on as before.
  const second = await pairingCode(more);
  await panel.saysOfItself('Connected through the mixnet');
  await alice.json('pair', 'approve', second);
  await panel.row('bob').waitFor();
  await settles(
    () => grantsShown(more),
    ['status.read', 'posts.use', 'contacts.read', 'messages.read', 'messages.send'],
  );
  await more.close();
  const pairings = await alice.json<Array<{ state: string; last_used: string }>>('pair', 'list');
  assert.equal(pairings.length, 1, 'the pairing of before is gone');
  assert.ok(Date.now() - Date.parse(pairings[0]?.last_used ?? '') < 60_000, 'it is in use now');
  await openSettings();
  await panel.shows('Chromium (linux)');
  await panel.shows('Used before this');
  await isClean('the settings');
  await toList();
});

story.step('what was written is found, in every script, and its place in the conversation is shown', async () => {
  await alice.json('send', 'bob', 'the lantern is in the boat house', '--wait', 'queued');
  for (let number = 0; number < 60; number += 1) await alice.json('send', 'bob', `line ${number}`, '--wait', 'queued');
  await bob.sends('alice', '明天上午九点在老桥见面');
  await panel.hasUnread('bob', 1);
  await panel.openByKeyboard('Search');
  await isClean('the search');
  const field = panel.page.getByLabel('Search all messages');
  await settles(() => field.evaluate((one) => one === document.activeElement), true);
  await panel.page.keyboard.type('老桥');
  await panel.shows('1 message');
  assert.deepEqual(await panel.page.locator('.search mark').allInnerTexts(), ['老桥']);
  await field.fill('LANTERN');
  await settles(() => panel.page.locator('.search mark').allInnerTexts(), ['lantern']);
  await field.fill('nothing like this');
  await panel.shows('Nothing was found.');
  await field.fill('lantern');
  await settles(() => panel.page.locator('.search .row').count(), 1);
  await isClean('what was found');
  await panel.page.keyboard.press('Tab');
  await panel.page.keyboard.press('Enter');
  const found = panel.page.locator('.found');
  await found.getByText('the lantern is in the boat house').waitFor();
  assert.equal(await found.evaluate((one) => one.getBoundingClientRect().bottom < innerHeight), true);
  // What follows is read when it is wanted, down to what came last.
  assert.equal((await panel.texts()).length, 25);
  await panel.press('Later messages');
  await until('the last line', async () => (await panel.texts()).at(-1) === '明天上午九点在老桥见面');
  assert.equal((await panel.texts()).length, 62);
  // Back to what was found, which is still there.
  await panel.back();
  await settles(() => field.inputValue(), 'lantern');
  await panel.page.locator('.search .row').click();
  await panel.press('To the latest messages');
  await until('the end', async () => (await panel.texts()).at(-1) === '明天上午九点在老桥见面');
  await browser.badgeIs('');
  await toList();
});

story.step('a message is deleted with the keyboard, and only when that is wanted', async () => {
  await panel.openConversation('bob');
  const before = await panel.texts();
  const { page } = panel;
  const last = async (): Promise<string> => (await panel.texts()).at(-1) ?? '';
  assert.equal(await last(), '明天上午九点在老桥见面');
  await pressByKeyboard(page, 'More about this message');
  await page.getByRole('group', { name: 'What to do with this message' }).waitFor();
  await isClean('what can be done with a message');
  const press = async (): Promise<void> => {
    await pressByKeyboard(page, 'Delete');
    await question().getByText('keeps what they have').waitFor();
  };
  await press();
  await page.keyboard.press('Escape');
  await question().waitFor({ state: 'detached' });
  assert.deepEqual(await panel.texts(), before);
  await press();
  await answer('Delete');
  await until('it is gone', async () => (await last()) === 'line 59');
  assert.ok(!(await panel.texts()).includes('明天上午九点在老桥见面'));
  const { code, stdout } = await alice.cli('--json', 'search', '老桥');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout).messages, []);
  // The arrows go from one message to another.
  await page.locator('.more').last().focus();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.locator('li', { hasText: 'line 58' }).getByRole('button', { name: 'Delete' }).waitFor();
  await toList();
});

story.step('what the command line deletes or has read is gone from the panel, too', async () => {
  await bob.sends('alice', 'read elsewhere');
  await panel.hasUnread('bob', 1);
  await alice.json('inbox');
  await panel.hasUnread('bob', 0);
  await panel.openConversation('bob');
  await until('it is there', async () => (await panel.texts()).at(-1) === 'read elsewhere');
  const messages = await alice.json<Array<{ id: string; text: string }>>('history', 'bob');
  await alice.json('forget', 'bob', messages.at(-1)?.id ?? '');
  await until('it is gone', async () => (await panel.texts()).at(-1) === 'line 59');
  await toList();
});

story.step('a contact is renamed and muted', async () => {
  await openContact('bob');
  await isClean('about a contact');
  const name = panel.page.locator('#new-name');
  await name.fill('Robert');
  await panel.page.keyboard.press('Enter');
  await panel.page.locator('#title', { hasText: 'Robert' }).waitFor();
  await alice.json('contact', 'show', 'Robert');
  await panel.page.getByLabel('Mute', { exact: true }).focus();
  await panel.page.keyboard.press('Space');
  await until('it is muted', async () => (await alice.json('contact', 'show', 'Robert')).muted === true);
  await toList();
  await panel.row('Robert').getByRole('img', { name: 'Muted' }).waitFor();
  // The row says how many there are; the icon does not call.
  await bob.sends('alice', 'psst');
  await settles(() => panel.row('Robert').locator('.count .hidden').allInnerTexts(), ['1 unread']);
  await browser.badgeIs('');
  await isClean('the list with a muted contact');
  await openContact('Robert');
  await panel.page.getByLabel('Mute', { exact: true }).uncheck();
  await until('it is not muted', async () => (await alice.json('contact', 'show', 'Robert')).muted !== true);
  await name.fill('bob');
  await panel.page.keyboard.press('Enter');
  await panel.page.locator('#title', { hasText: 'bob' }).waitFor();
  await toList();
});

story.step('how long messages stay is set with the keyboard, and both sides agree', async () => {
  const state = panel.page.locator('#timer-state');
  const timer = panel.page.getByLabel('How long messages should stay', { exact: true });
  /** What bob knows of it. */
  const bobs = async (): Promise<unknown> => (await bob.json('contact', 'show', 'alice')).disappearing;
  /** Chooses with the letters of its name, as the keyboard does, and sets it. */
  const set = async (name: string, seconds: string): Promise<void> => {
    await timer.focus();
    await panel.page.keyboard.type(name);
    await settles(() => timer.inputValue(), seconds);
    await pressByKeyboard(panel.page, 'Set');
  };
  await openContact('bob');
  assert.equal(await timer.inputValue(), '0');
  await isClean('how long messages stay, before anybody said so');
  await set('8 h', '28800');
  // To have gone through the list set nothing.
  const wishes = async (): Promise<unknown[]> => {
    const messages = await alice.json<Array<{ disappear?: number }>>('history', 'bob');
    return messages.map((one) => one.disappear).filter((one) => one !== undefined);
  };
  await settles(wishes, [28_800]);
  await state.getByText('You want: 8 hours. They want: that they stay.').waitFor();
  await state.getByText('They disappear once \u2068bob\u2069 has said a time, too.').waitFor();
  await until('bob knows', async () => {
    assert.deepEqual(await bobs(), { theirs: 28_800 });
    return true;
  });
  await isClean('how long messages stay, as one side wants it');
  // A choice that is not set yet stays, whatever comes meanwhile.
  await timer.focus();
  await panel.page.keyboard.type('5 m');
  await bob.json('contact', 'disappear', 'alice', '8h');
  await state.getByText('Messages disappear after 8 hours.', { exact: true }).waitFor();
  assert.equal(await timer.inputValue(), '300');
  await settles(bobs, { after: 28_800, own: 28_800, theirs: 28_800 });
  await isClean('how long messages stay, as agreed');
  await pressByKeyboard(panel.page, '‹ Back');
  await panel.shows('Messages disappear after 8 hours.');
  // And taken back: bob's offer is left.
  await pressByKeyboard(panel.page, 'About bob');
  await set('They', '0');
  await state.getByText('To agree with \u2068bob\u2069, set a time, too.').waitFor();
  await settles(bobs, { own: 28_800 });
  await isClean('how long messages stay, as the other side wants it');
  await bob.json('contact', 'disappear', 'alice', 'off');
  await state.waitFor({ state: 'detached' });
  await toList();
});

story.step('a request is deleted, and whoever wrote it may write again', async () => {
  await alice.json('persona', 'publish');
  await carol.json('contact', 'add', 'alice', await alice.address());
  await carol.sends('alice', 'do you remember me?');
  await panel.openByKeyboard('Requests 1');
  await panel.shows('do you remember me?');
  await isClean('requests');
  await pressByKeyboard(panel.page, 'Delete');
  await panel.row('bob').waitFor();
  assert.deepEqual(await alice.json('contact', 'requests'), []);
  assert.deepEqual(await alice.json('contact', 'list').then((list) => list.length), 1);
});

story.step(
  'a contact is blocked from the conversation, and a stranger from a request; both are unblocked',
  async () => {
    await carol.json('persona', 'new', 'pest');
    await carol.json('contact', 'add', 'alice', await alice.address(), '--as', 'pest');
    await carol.json('send', 'alice', 'buy this', '--as', 'pest');
    await panel.openByKeyboard('Requests 1');
    await pressByKeyboard(panel.page, 'Block');
    await panel.row('bob').waitFor();
    await carol.json('persona', 'delete', 'pest', '--yes');
    await openContact('bob');
    await pressByKeyboard(panel.page, 'Block');
    await answer('Block');
    await panel.row('bob').waitFor({ state: 'detached' });
    await settles(async () => (await alice.json('contact', 'show', 'bob')).state, 'blocked');
    await openSettings();
    await panel.openByKeyboard('Blocked');
    const rows = panel.page.locator('.plain li');
    await until('both are listed', async () => (await rows.count()) === 2);
    await isClean('who is blocked');
    await pressByKeyboard(panel.page, 'Unblock bob');
    await until('one is left', async () => (await rows.count()) === 1);
    await panel.page.getByRole('button', { name: /^Unblock/ }).click();
    await panel.shows('Nobody is blocked.');
    await toList();
    await panel.row('bob').waitFor();
    await alice.knows('bob');
    await bob.sends('alice', 'there again');
    await panel.row('bob').getByText('there again').waitFor();
  },
);

story.step('all messages of a contact are deleted, and then the contact', async () => {
  await openContact('bob');
  await pressByKeyboard(panel.page, 'Delete all messages');
  await question().getByText('keeps theirs').waitFor();
  await answer('Delete');
  await panel.page.getByText('No messages yet').waitFor();
  assert.deepEqual(await alice.json('history', 'bob'), []);
  await bob.sends('alice', 'and from the beginning');
  await panel.holds(['and from the beginning']);
  await pressByKeyboard(panel.page, 'About bob');
  await pressByKeyboard(panel.page, 'Delete this contact');
  await answer('Delete');
  await panel.shows('No contacts yet');
  assert.deepEqual(await alice.json('contact', 'list'), []);
});

story.step('somebody whose request was deleted asks again, and is accepted', async () => {
  await carol.json('contact', 'delete', 'alice');
  await carol.json('contact', 'add', 'alice', await alice.address());
  await carol.sends('alice', 'it is me, from the library');
  await panel.openByKeyboard('Requests 1');
  await panel.page.getByLabel('Name, for you only').fill('carol');
  await pressByKeyboard(panel.page, 'Accept');
  await panel.row('carol').getByText('it is me, from the library').waitFor();
  await Promise.all([alice.knows('carol'), carol.knows('alice')]);
});

story.step('how long messages are kept is asked before it deletes something', async () => {
  await openSettings();
  const keep = panel.page.locator('#keep');
  await keep.selectOption('30');
  await question().getByText('Older ones are deleted on this machine').waitFor();
  await panel.page.keyboard.press('Escape');
  await settles(() => keep.inputValue(), '0');
  await keep.selectOption('30');
  await answer('Delete');
  await settles(() => keep.inputValue(), '30');
  await settles(async () => (await alice.json('config', 'get', 'history.days')).values, ['30']);
  // To keep them longer deletes nothing.
  await keep.selectOption('365');
  await until('it is kept', async () => {
    const { values } = await alice.json('config', 'get', 'history.days');
    return values[0] === '365';
  });
  await toList();
});

story.step('profiles, and a warning where a post shows another key', async () => {
  const author = 'person:twitter.com/bob';
  const post = async (from: Daemon): Promise<string> =>
    (await from.json('post', 'encrypt', 'at the water gate', '--public', '--author', author)).text;
  await alice.json('post', 'decrypt', await post(bob), '--author', author, '--offline');
  await openSettings();
  await panel.openByKeyboard('Profiles');
  await panel.shows('twitter.com/bob');
  await panel.shows('seen in a post');
  await toList();
  await alice.json('post', 'decrypt', await post(carol), '--author', author, '--offline');
  await panel.openByKeyboard('1 profile shows another key');
  await panel.shows('A post of this profile shows another key');
  await isClean('profiles with a warning');
  const keys = async (): Promise<string> => (await alice.json('profile', 'list'))[0].public_key;
  const theirs = await keys();
  await pressByKeyboard(panel.page, 'Take the other key');
  await answer('Take the other key');
  await until('the other key is known', async () => (await keys()) !== theirs);
  await panel.page.locator('.problem').waitFor({ state: 'detached' });
  await pressByKeyboard(panel.page, 'Forget twitter.com/bob');
  await panel.shows('No profile is known yet');
  await panel.page.getByLabel(/^Profile, such as/).fill('twitter.com/alice');
  await panel.page.getByLabel(/^Whose it is/).fill('alice');
  await panel.page.keyboard.press('Enter');
  await panel.page.locator('li', { hasText: 'twitter.com/alice' }).getByText('set by you').waitFor();
  await isClean('profiles');
  await toList();
});

/** What the system was asked to show, oldest first. */
const notified = async (): Promise<Array<{ title: string; message: string }>> =>
  (await browser.worker()).evaluate(() => (globalThis as unknown as { told?: [] }).told ?? []);

story.step(
  'notifications: none at first, then as much as is chosen, and none about what is on the screen',
  async () => {
    await browser.closePages();
    const worker = await browser.worker();
    await worker.evaluate(() => {
      const scope = globalThis as unknown as { told: unknown[] };
      scope.told = [];
      const create = chrome.notifications.create.bind(chrome.notifications) as (...args: unknown[]) => Promise<string>;
      (chrome.notifications as { create: unknown }).create = (about: string, options: { title: string }) => {
        scope.told.push(options);
        return create(about, options).catch(() => about);
      };
    });
    panel = await Panel.open(browser);
    await panel.openConversation('carol');
    await panel.holds(['it is me, from the library']);
    await browser.badgeIs('');
    await toList();
    await carol.sends('alice', 'nobody is told');
    await panel.hasUnread('carol', 1);
    assert.deepEqual(await notified(), []);
    await openSettings();
    const CHOICES = {
      Off: 'off',
      'Say that something came': 'bare',
      'Say who wrote': 'name',
      'Say who wrote, and what': 'text',
    };
    const choose = async (label: keyof typeof CHOICES): Promise<void> => {
      await panel.page.getByLabel(label, { exact: true }).check();
      await settles(() => worker.evaluate(() => chrome.storage.local.get('notices')), { notices: CHOICES[label] });
    };
    await until('they are off', () => panel.page.getByLabel('Off', { exact: true }).isChecked());
    const shown = async (label: keyof typeof CHOICES, text: string): Promise<{ title: string; message: string }> => {
      await openSettings();
      await choose(label);
      await toList();
      const before = (await notified()).length;
      await carol.sends('alice', text);
      const last = await until('it is told', async () => (await notified()).slice(before).at(-1));
      return { title: last.title.replaceAll(/\p{Cf}/gu, ''), message: last.message };
    };
    await toList();
    assert.deepEqual(await shown('Say that something came', 'secret 1'), { title: 'Bauta', message: 'A new message' });
    assert.deepEqual(await shown('Say who wrote', 'secret 2'), { title: 'carol', message: 'A new message' });
    assert.deepEqual(await shown('Say who wrote, and what', 'public 3'), { title: 'carol', message: 'public 3' });
    // Whoever sees the conversation, and whoever muted it, is not told.
    const told = (await notified()).length;
    await panel.openConversation('carol');
    await carol.sends('alice', 'on the screen');
    await until('it is there', async () => (await panel.texts()).at(-1) === 'on the screen');
    await toList();
    await alice.json('contact', 'mute', 'carol');
    await panel.row('carol').getByRole('img', { name: 'Muted' }).waitFor();
    await carol.sends('alice', 'muted');
    await settles(() => panel.row('carol').locator('.count .hidden').allInnerTexts(), ['1 unread']);
    assert.equal((await notified()).length, told);
    await alice.json('contact', 'unmute', 'carol');
    await openSettings();
    await choose('Off');
    await toList();
    await carol.sends('alice', 'off again');
    await panel.hasUnread('carol', 2);
    assert.equal((await notified()).length, told);
  },
);

story.step('a press on a notification opens the conversation', async () => {
  const worker = await browser.worker();
  await worker.evaluate(() => chrome.storage.session.set({ place: { persona: 'alice', contact: 'carol' } }));
  await until('the conversation is open', async () => (await panel.texts()).at(-1) === 'off again');
  await settles(() => worker.evaluate(() => chrome.storage.session.get('place')), {});
  await toList();
});

story.step('locked: nothing is shown or kept, nothing can be asked for, and unlocking brings it back', async () => {
  await panel.openConversation('carol');
  await panel.field.fill('half a sentence');
  await carol.sends('alice', 'before it locks');
  await until('it is there', async () => (await panel.texts()).at(-1) === 'before it locks');
  await alice.json('lock');
  await panel.saysOfItself('Locked');
  await panel.shows('bauta unlock');
  await isClean('the panel of a locked daemon');
  const held = await panel.page.evaluate(() => document.documentElement.outerHTML);
  assert.equal(await panel.page.locator('#text').count(), 0);
  for (const text of ['before it locks', 'off again', 'carol']) assert.ok(!held.includes(text), text);
  await browser.badgeIs('');
  // A worker that starts meanwhile, and somebody who presses the button, find it locked: the pairing is not over.
  await browser.stopWorker();
  await panel.saysOfItself('Locked');
  await panel.press('Try again');
  await panel.saysOfItself('Locked');
  await alice.json('unlock');
  await panel.saysOfItself('Connected through the mixnet');
  await panel.row('carol').getByText('before it locks').waitFor();
  // Locked again while nobody looks, it is not known as revoked either.
  await alice.json('lock');
  await panel.saysOfItself('Locked');
  const page = await browser.page('onboarding.html');
  await page.locator('#daemon').getByText('Locked', { exact: true }).waitFor();
  await checkAccessibility(page, 'the first page of a locked daemon');
  await page.close();
  await alice.json('unlock');
  await panel.row('carol').waitFor();
});
