/** An editor of the page that a post can go into. */
export type Editor = HTMLTextAreaElement | HTMLElement;

/** The editor around a node: a textarea, or the outermost editable element. */
export const editorOf = (node: EventTarget | null): Editor | undefined => {
  if (!(node instanceof HTMLElement)) return undefined;
  if (node instanceof HTMLTextAreaElement) return node.readOnly || node.disabled ? undefined : node;
  if (!node.isContentEditable) return undefined;
  let outer: HTMLElement = node;
  while (outer.parentElement?.isContentEditable === true) outer = outer.parentElement;
  return outer;
};

/** Puts cipher text at the caret, in the way that the page's own script notices. */
export const insert = (editor: Editor, text: string): boolean => {
  if (!editor.isConnected) return false;
  editor.focus();
  if (editor instanceof HTMLTextAreaElement) {
    editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, 'end');
    editor.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertText', data: text }));
    editor.dispatchEvent(new Event('change', { bubbles: true }));
    return true;
  }
  const selection = getSelection();
  if (selection === null) return false;
  if (selection.rangeCount === 0 || !editor.contains(selection.anchorNode)) {
    selection.selectAllChildren(editor);
    selection.collapseToEnd();
  }
  // Editors with a model of their own listen for what typing does; this command is what typing does.
  return document.execCommand('insertText', false, text);
};
