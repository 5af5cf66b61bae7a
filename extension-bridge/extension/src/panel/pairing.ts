import { button, h } from '../core/dom.ts';
import { mayAskForMore } from '../core/grants.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { grantWords, linkWords, when } from '../core/show.ts';
import type { Model } from './model.ts';

const openPage = (): void => void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') });

/** What this pairing may not do, it may ask for. */
export const askForMore = (): HTMLElement => button(say('askForMore'), openPage, 'main');

/** The pairing, as the daemon knows it. */
export const pairingCard = (model: Model): HTMLElement => {
  const { state } = model.client;
  const { grants, pairing, personas } = state;
  const facts: Array<[string, HTMLElement]> =
    pairing === undefined
      ? []
      : [
          [say('pairedAs'), h('bdi', {}, pairing.label)],
          [say('since'), when(pairing.since)],
          [
            say('lastUsed'),
            pairing.lastUsed === undefined ? h('span', {}, say('neverBefore')) : when(pairing.lastUsed),
          ],
          [
            say('forPersonas'),
            personas === null ? h('span', {}, say('allPersonas')) : h('bdi', {}, personas.map(isolated).join(', ')),
          ],
        ];
  const more = state.stage === 'ready' && mayAskForMore(grants);
  return h(
    'div',
    { class: 'card' },
    h('h3', {}, say('pairing')),
    h('p', {}, linkWords(state)),
    facts.length === 0
      ? undefined
      : h('dl', {}, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    pairing === undefined ? undefined : h('p', { class: 'note' }, say('lastUsedNote')),
    grants.length === 0 ? undefined : h('div', {}, h('h4', {}, say('grants')), grantWords(grants)),
    button(say(more ? 'askForMore' : 'openPairing'), openPage, 'quiet'),
  );
};
