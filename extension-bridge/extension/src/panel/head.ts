import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import type { Model } from './model.ts';

const back = (model: Model, to: () => void = () => model.go({ name: 'list' })): HTMLElement => {
  const pressed = button(`‹ ${say('back')}`, to, 'quiet');
  pressed.id = 'back';
  return pressed;
};

/** The way back, and what is shown. */
export const head = (model: Model, title: string, to?: () => void, ...more: HTMLElement[]): HTMLElement =>
  h('div', { class: 'head' }, back(model, to), h('h2', { id: 'title', tabindex: -1, dir: 'auto' }, title), ...more);
