import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { advice, command, linkWords } from '../core/show.ts';
import type { Model } from './model.ts';

/** Not connected or not paired: what is true, what it means, and the one thing to do. */
export const apart = (model: Model): HTMLElement => {
  const { state } = model.client;
  const { stage, failure } = state;
  const title = h('h2', { id: 'title', tabindex: -1 }, linkWords(state));
  const again = (): HTMLElement => button(say('tryAgain'), () => model.client.retry(), 'main');
  const hint = failure?.hint ? advice(failure) : undefined;
  const says = (note: string, ...more: Array<HTMLElement | undefined>): HTMLElement =>
    h('section', { class: 'empty' }, title, h('p', {}, say(note)), ...more);
  switch (stage) {
    case 'unpaired':
    case 'pairing':
    case 'refused':
    case 'expired':
    case 'revoked':
      return says(
        'unpairedNote',
        h('p', { class: 'note' }, say('pairNote')),
        button(
          say('openPairing'),
          () => void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') }),
          'main',
        ),
      );
    case 'connecting':
    case 'ready':
      return h('section', { class: 'empty' }, title);
    case 'missing':
      return says('missingNote', command('bauta browser install'), again());
    case 'forbidden':
      return says('forbiddenNote', hint ?? command('bauta browser install'), again());
    case 'version':
      return says('versionNote', command('bauta down'), command('bauta up'), again());
    case 'locked':
      return says('lockedNote', hint, again());
    case 'stopped':
      return says('stoppedNote', hint ?? command('bauta up'), again());
  }
};
