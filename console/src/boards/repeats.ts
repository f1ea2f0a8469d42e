// Panels and rows that are there once for each value of a variable.

import type { Panel, Row } from './model.ts';
import { ALL, type Chosen, type Variable } from './variables.ts';

/** Values that are shown: each is a panel with questions of its own. */
const MOST = 24;

/** One panel or row, and what is chosen for it instead of what is chosen for all. */
export type Repeated<T> = { one: T; chosen: Chosen };

function valuesOf(name: string, variables: Variable[], chosen: Chosen): string[] {
  const values = chosen[name] ?? [];
  const all = values.includes(ALL) ? (variables.find((variable) => variable.name === name)?.choices.map(({ value }) => value) ?? []) : values;
  return all.slice(0, MOST);
}

/** The rows of a dashboard as they are with what is chosen; one without a value is there once, as its file has it. */
export function repeatedRows(rows: Row[], variables: Variable[], chosen: Chosen): Repeated<Row>[] {
  return rows.flatMap((one) => {
    const values = one.repeat ? valuesOf(one.repeat, variables, chosen) : [];
    return values.length === 0 ? [{ one, chosen: {} }] : values.map((value) => ({ one, chosen: { [one.repeat]: [value] } }));
  });
}

/** The panels of a row, those that are repeated beside or below one another, and what is below them moved down. */
export function repeatedPanels(panels: Panel[], variables: Variable[], chosen: Chosen): Repeated<Panel>[] {
  let down = 0;
  return panels.flatMap((panel) => {
    const { place } = panel;
    const values = panel.repeat ? valuesOf(panel.repeat, variables, chosen) : [];
    if (values.length === 0) return [{ one: { ...panel, place: { ...place, y: place.y + down } }, chosen: {} }];
    // Beside one another they share the width, as far as one is still six columns wide.
    const perRow = panel.across ? Math.max(1, Math.min(values.length, 4)) : 1;
    const w = panel.across ? Math.floor(24 / perRow) : place.w;
    const made = values.map((value, at) => ({
      one: { ...panel, place: { ...place, x: panel.across ? (at % perRow) * w : place.x, w, y: place.y + down + Math.floor(at / perRow) * place.h } },
      chosen: { [panel.repeat]: [value] },
    }));
    down += (Math.ceil(values.length / perRow) - 1) * place.h;
    return made;
  });
}
