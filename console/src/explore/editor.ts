// The editor of questions: highlighting, and completion of metrics, labels, values and functions. It is large, so it is loaded when first
// needed. It lives in a shadow tree: there its styles are sheets that the page's policy (style-src 'self') allows.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewline } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { linter } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, highlightSpecialChars, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { HybridLint } from '@prometheus-io/codemirror-promql/dist/esm/lint/hybrid';
import { LanguageType, PromQLExtension, promQLLanguage } from '@prometheus-io/codemirror-promql';
import { client } from './known.ts';

export type Editor = { focus: () => void };
export type Wanted = { into: HTMLElement; field: HTMLTextAreaElement; label: string; changed: (text: string) => void; submit: () => void };

/** As long as what it stands for is wide, and a span: places in the text stay the same. */
const WINDOW = ['$window', '111111s'] as const;

const colors = HighlightStyle.define([
  { tag: tags.number, color: 'var(--warn)' },
  { tag: tags.string, color: 'var(--good)' },
  { tag: tags.keyword, color: 'var(--link)' },
  { tag: tags.function(tags.variableName), color: 'var(--link)' },
  { tag: tags.labelName, color: 'var(--series-6)' },
  { tag: tags.operator, color: 'var(--muted)' },
  { tag: tags.modifier, color: 'var(--link)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': { color: 'var(--text)', background: 'var(--card)', border: '1px solid var(--line)', borderRadius: '5px', fontSize: '13px' },
  '&.cm-focused': { outline: '2px solid var(--series-1)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'ui-monospace, monospace', lineHeight: '1.4', maxHeight: '12em' },
  '.cm-content': { caretColor: 'var(--text)', padding: '4px 4px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--muted)' },
  '.cm-matchingBracket': { background: 'var(--line)', outline: '1px solid var(--muted)' },
  '.cm-tooltip': { background: 'var(--card)', color: 'var(--text)', border: '1px solid var(--line)', borderRadius: '5px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--link)', color: 'var(--card)' },
  '.cm-completionDetail': { color: 'var(--muted)', marginLeft: '1em' },
  '.cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail': { color: 'inherit' },
  '.cm-completionInfo': { maxWidth: '420px', padding: '6px 10px' },
});

/** What is wrong as it is written, but for what stands for the window of rates. */
const mistakes = linter((view) => {
  const text = view.state.doc.toString();
  if (!text.trim()) return [];
  const state = EditorState.create({ doc: text.replaceAll(...WINDOW), extensions: promQLLanguage(LanguageType.PromQL) });
  return new HybridLint().promQL()({ state } as EditorView);
});

/** What is written over a selection is put there by the editor: browsers would wrap it in styles, which the page's policy refuses. */
const overSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== 'insertText' || event.data === null || view.composing) return false;
    // Chromium alone tells a shadow tree's selection; others are asked for what the editor knows.
    const over = (view.root as { getSelection?: () => Selection | null }).getSelection?.();
    const known = view.state.selection.main;
    const ends = over?.anchorNode && over.focusNode && view.contentDOM.contains(over.anchorNode)
      ? [view.posAtDOM(over.anchorNode, over.anchorOffset), view.posAtDOM(over.focusNode, over.focusOffset)]
      : [known.from, known.to];
    const [from, to] = [Math.min(...ends), Math.max(...ends)];
    if (from === to) return false;
    view.dispatch({ changes: { from, to, insert: event.data }, selection: { anchor: from + event.data.length }, userEvent: 'input.type' });
    return true;
  },
});

/** Puts an editor in the place of a field, which goes on to have its text. */
export function edit({ into, field, label, changed, submit }: Wanted): Editor {
  const promql = new PromQLExtension().activateLinter(false).setComplete({ remote: client, maxMetricsMetadata: 10_000 });
  const root = into.attachShadow({ mode: 'open' });
  const box = document.createElement('div');
  root.append(box);
  const run = () => (submit(), true);
  const view = new EditorView({
    parent: box,
    root,
    state: EditorState.create({
      doc: field.value,
      selection: { anchor: Math.min(field.selectionEnd, field.value.length) },
      extensions: [
        promql.asExtension(),
        mistakes,
        overSelection,
        autocompletion({ icons: false }),
        highlightSpecialChars(),
        history(),
        closeBrackets(),
        bracketMatching(),
        indentOnInput(),
        syntaxHighlighting(colors),
        look,
        EditorView.lineWrapping,
        placeholder(field.placeholder),
        EditorView.contentAttributes.of({ 'aria-label': label }),
        keymap.of([...completionKeymap, ...closeBracketsKeymap]),
        Prec.low(keymap.of([{ key: 'Enter', run, shift: insertNewline }, ...historyKeymap, ...defaultKeymap])),
        EditorView.updateListener.of(({ docChanged, state }) => docChanged && changed(state.doc.toString())),
      ],
    }),
  });
  return { focus: () => view.focus() };
}
