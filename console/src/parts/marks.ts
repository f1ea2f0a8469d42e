// What happened, over the lines of a chart: alerts as stretches at its upper edge, events as lines through it.

import type uPlot from 'uplot';

export type Mark = { from: number; to: number | undefined; kind: 'alert' | 'event'; text: string; href: string };

const MOST_MARKS = 100;

/** Marks of one chart: links that a mouse and a keyboard reach, placed anew whenever it draws. */
export class Marks {
  private readonly box = document.createElement('div');
  private marks: Mark[] = [];
  private made: HTMLAnchorElement[] = [];

  constructor() {
    this.box.className = 'marks';
  }

  set(marks: Mark[]): void {
    const wanted = marks.slice(-MOST_MARKS);
    const same = wanted.length === this.marks.length && wanted.every((mark, at) => mark.text === this.marks[at]?.text && mark.from === this.marks[at]?.from);
    this.marks = wanted;
    // Who is at a mark stays there.
    if (same) return;
    this.made = wanted.map(({ kind, text, href }) => {
      const made = document.createElement('a');
      made.className = kind;
      made.title = text;
      made.href = href;
      made.setAttribute('aria-label', text);
      return made;
    });
    this.box.replaceChildren(...this.made);
  }

  place(plot: uPlot): void {
    if (this.box.parentElement !== plot.over) plot.over.append(this.box);
    const { min, max } = plot.scales.x as { min?: number; max?: number };
    if (min === undefined || max === undefined) return;
    const share = (second: number) => (100 * (Math.min(Math.max(second, min), max) - min)) / (max - min);
    this.marks.forEach(({ from, to, kind }, at) => {
      const made = this.made[at]!;
      const end = kind === 'event' ? from : (to ?? max);
      made.hidden = end < min || from > max;
      made.style.left = `${share(from)}%`;
      if (kind === 'alert') made.style.width = `${share(end) - share(from)}%`;
    });
  }
}
