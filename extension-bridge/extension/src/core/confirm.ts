import { button, h } from './dom.ts';
import { words as say } from './i18n.ts';

export interface Question {
  readonly title: string;
  /** What it means, and for whom. */
  readonly note: string;
  /** What the button says that does it. */
  readonly label: string;
}

/** Asks before something that cannot be taken back. Escape means no, and what had the focus has it again. */
export const confirmed = ({ title, note, label }: Question): Promise<boolean> =>
  new Promise((resolve) => {
    const no = button(say('cancel'), () => dialog.close(), 'quiet');
    const dialog = h(
      'dialog',
      { role: 'alertdialog', 'aria-labelledby': 'question', 'aria-describedby': 'question-note' },
      h('h2', { id: 'question', dir: 'auto' }, title),
      h('p', { id: 'question-note' }, note),
      h(
        'div',
        { class: 'actions' },
        button(label, () => dialog.close('yes'), 'main'),
        no,
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
