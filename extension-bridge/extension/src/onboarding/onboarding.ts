import { Client } from '../core/client.ts';
import { button, byId, h } from '../core/dom.ts';
import { language, translate, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { command, linkWords, problem } from '../core/show.ts';

const client = new Client();
let clock: ReturnType<typeof setInterval> | undefined;

const system = (): 'linux' | 'mac' | 'windows' => (/Mac/.test(navigator.userAgent) ? 'mac' : /Windows/.test(navigator.userAgent) ? 'windows' : 'linux');

const label = (): string => {
  const agent = navigator.userAgent;
  const name = /Firefox\//.test(agent) ? 'Firefox' : /Edg\//.test(agent) ? 'Edge' : /OPR\//.test(agent) ? 'Opera' : 'Chromium';
  return `${name} (${system()})`;
};

const FOUND = new Set(['unpaired', 'pairing', 'refused', 'expired', 'revoked', 'ready']);

const daemonStep = (): HTMLElement => {
  const { state } = client;
  if (FOUND.has(state.stage)) return h('p', { class: 'ok' }, say('daemonFound', state.version ?? ''));
  if (state.stage === 'missing') return h('div', {}, h('p', {}, say('missingNote')), command('bauta browser install'));
  if (state.stage === 'connecting') return h('p', { role: 'status' }, linkWords(state));
  return h('div', {}, h('p', {}, linkWords(state)), state.failure?.hint ? problem(state.failure) : state.stage === 'stopped' ? command('bauta up') : undefined, h('p', { class: 'meta' }, say('movesOn')));
};

const pairStep = (): HTMLElement => {
  const { state } = client;
  clearInterval(clock);
  if (state.stage === 'ready') return h('div', {}, h('p', { class: 'ok' }, say('paired')), h('p', { class: 'meta' }, state.grants.join(', ')));
  if (state.stage === 'pairing' && state.code !== undefined) {
    const left = h('span', { role: 'timer' });
    const until = Date.parse(state.expiresAt ?? '');
    const tick = (): void => {
      left.textContent = say('secondsLeft', String(Math.max(0, Math.round((until - Date.now()) / 1000)) || 0));
    };
    tick();
    clock = setInterval(tick, 1000);
    return h(
      'div',
      {},
      h('p', {}, say('codeNote')),
      h('p', { class: 'code', 'aria-label': [...state.code].join(' ') }, `${state.code.slice(0, 3)} ${state.code.slice(3)}`),
      command(`bauta pair approve ${state.code}`),
      h('p', { class: 'meta' }, left),
      h('p', { class: 'note' }, say('grantsNote')),
    );
  }
  if (!FOUND.has(state.stage)) return h('p', { class: 'meta' }, say('afterDaemon'));
  return h('div', {}, state.stage === 'unpaired' ? undefined : h('p', { role: 'alert' }, linkWords(state)), state.failure === undefined ? undefined : problem(state.failure), h('p', {}, say('pairNote')), button(say('showCode'), () => client.pair(label()), 'main'));
};

const personaStep = async (): Promise<void> => {
  const place = byId('persona');
  if (client.state.stage !== 'ready') {
    place.replaceChildren(h('p', { class: 'meta' }, say('afterPairing')));
    return;
  }
  try {
    const { personas } = await client.call('persona.list', {});
    place.replaceChildren(
      personas.length > 0
        ? h('ul', { class: 'plain' }, ...personas.map((one) => h('li', {}, mark(one.public_key), h('span', { dir: 'auto' }, one.name))))
        : h('div', {}, h('p', {}, say('noPersona')), command('bauta persona new NAME'), command('bauta persona import --help')),
      h('p', {}, say('openPanelNote')),
    );
  } catch {
    place.replaceChildren(h('p', { class: 'note' }, say('personasHidden')));
  }
};

let last = '';
const draw = (): void => {
  const key = JSON.stringify(client.state);
  if (key === last) return;
  last = key;
  byId('daemon').replaceChildren(daemonStep());
  byId('pair').replaceChildren(pairStep());
  void personaStep();
};

document.documentElement.lang = language();
translate(document);
client.onState = draw;
client.onAnew = () => void personaStep();
// A persona that was made meanwhile connects, and so it is told of.
client.onEvent = (event) => {
  if (event.kind === 'status.changed') void personaStep();
};
client.open();
draw();
