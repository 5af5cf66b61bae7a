import { button, h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';

/** Names that are offered at a time. */
const OFFERED = 8;

/** Chooses contacts: type-ahead, and a chip for each that was chosen. */
export class People {
  readonly chosen = new Set<string>();
  readonly search: HTMLInputElement;
  readonly element: HTMLElement;
  #known: readonly string[] = [];
  readonly #onChange: () => void;
  readonly #chips = h('div', { class: 'chips' });
  readonly #suggest: HTMLElement;

  constructor(label: string, onChange: () => void) {
    this.#onChange = onChange;
    this.search = h('input', { id: 'search', autocomplete: 'off', dir: 'auto', placeholder: say('composeAdd') });
    this.#suggest = h('ul', { class: 'suggest', 'aria-label': say('composeAdd') });
    this.element = h('div', {}, h('label', { for: 'search' }, label), this.#chips, this.search, this.#suggest);
    this.search.addEventListener('input', () => this.draw());
    this.search.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      this.#suggest.querySelector('button')?.click();
    });
  }

  offer(names: readonly string[]): void {
    this.#known = names;
    this.draw();
  }

  clear(): void {
    this.chosen.clear();
    this.draw();
  }

  draw(): void {
    this.#chips.replaceChildren(...[...this.chosen].map((name) => this.#chip(name)));
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const matching = this.#known.filter((name) => !this.chosen.has(name) && name.toLocaleLowerCase().includes(wanted));
    this.#suggest.replaceChildren(
      ...matching.slice(0, OFFERED).map((name) =>
        h(
          'li',
          {},
          button(isolated(name), () => this.#add(name), 'quiet'),
        ),
      ),
    );
    this.#onChange();
  }

  #chip(name: string): HTMLElement {
    const chip = button(`${isolated(name)} ×`, () => {
      this.chosen.delete(name);
      this.draw();
      this.search.focus();
    });
    chip.setAttribute('aria-label', say('composeRemove', isolated(name)));
    return chip;
  }

  #add(name: string): void {
    this.chosen.add(name);
    this.search.value = '';
    this.draw();
    this.search.focus();
  }
}
