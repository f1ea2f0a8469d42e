// Texts of panels: headings, lists, links, code and emphasis of Markdown; anything else is shown as it is written.

type Part = { kind: 'text' | 'code' | 'strong' | 'a'; text: string; href?: string };

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

/** The parts of a line; a link leads to the web, to this server or to a page of the console, and nowhere else. */
export function partsOf(line: string): Part[] {
  const parts: Part[] = [];
  let last = 0;
  for (const found of line.matchAll(INLINE)) {
    if (found.index > last) parts.push({ kind: 'text', text: line.slice(last, found.index) });
    const [whole, code, strong, label, href] = found;
    if (code !== undefined) parts.push({ kind: 'code', text: code });
    else if (strong !== undefined) parts.push({ kind: 'strong', text: strong });
    else if (href !== undefined && /^(https?:\/\/|#|\/(?!\/))/.test(href)) parts.push({ kind: 'a', text: label ?? '', href });
    else parts.push({ kind: 'text', text: whole });
    last = found.index + whole.length;
  }
  if (last < line.length) parts.push({ kind: 'text', text: line.slice(last) });
  return parts;
}

export function markdown(text: string): Node[] {
  const plain = text.replaceAll(/<[^>]{0,500}>/g, '');
  return plain.split(/\n\s*\n|\n(?=#|\s*[-*] )/).filter((block) => block.trim()).map(blockOf);
}

function blockOf(block: string): Node {
  const [, heading, item] = /^\s*(#{1,6} )?([-*] )?/.exec(block) ?? [];
  const element = document.createElement(heading ? 'h3' : 'p');
  const body = block.trim().replace(/^(#{1,6} |[-*] )/, '');
  if (item) element.append('• ');
  for (const { kind, text, href } of partsOf(body)) {
    if (kind === 'text') {
      element.append(text);
      continue;
    }
    const made = document.createElement(kind);
    made.textContent = text;
    if (href) made.setAttribute('href', href);
    element.append(made);
  }
  return element;
}
