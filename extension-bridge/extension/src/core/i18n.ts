/** Gives the words for a key in the browser's language; a key without words is a mistake that a test finds. */
export type Words = (key: string, ...substitutions: string[]) => string;

export const words: Words = (key, ...substitutions) => chrome.i18n.getMessage(key, substitutions) || key;

/** The words for a number of something: `KEY_one` or `KEY_other`, with the number in place of `$1`. */
export const counted = (key: string, count: number): string => {
  const form = new Intl.PluralRules(language()).select(count) === 'one' ? 'one' : 'other';
  return words(`${key}_${form}`, count.toLocaleString(region()));
};

/** The words for a key that not every language has; empty where there are none. */
export const wordsIfAny = (key: string): string => chrome.i18n.getMessage(key);

/** A name inside a sentence: its direction of writing stays its own. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

/** Fills `data-i18n` (text) and `data-i18n-label` (accessible name) below a root. */
export const translate = (root: ParentNode, say: Words = words): void => {
  for (const element of root.querySelectorAll<HTMLElement>('[data-i18n]')) {
    element.textContent = say(element.dataset['i18n'] ?? '');
  }
  for (const element of root.querySelectorAll<HTMLElement>('[data-i18n-label]')) {
    const label = say(element.dataset['i18nLabel'] ?? '');
    element.setAttribute('aria-label', label);
    element.title = label;
  }
};

/** The tag of the language that the words are in; not always the browser's, which may be one without words. */
export const language = (): string => words('language');

/** The tag for times and numbers: the reader's own where the words are in that language, too. */
export const region = (): string => {
  const own = chrome.i18n.getUILanguage();
  return own.split('-')[0] === language().split('-')[0] ? own : language();
};
