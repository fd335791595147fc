import {type Grid, styles} from '../../source/console/screen/grid.ts';

/** Classes by SGR parameters: `1;38;5;196` is bold, in colour 196 of 256. */
const classes: Record<string, string> = {'1': 'bold', '2': 'dim', '4': 'underline', '7': 'reverse'};

/** A frame as an HTML `pre`, its looks as classes. Throws where a look has no class. */
export function gridToHtml({width, height, text, style}: Grid): string {
  const rows = Array.from({length: height}, (_, y) => {
    let row = '';
    for (let x = 0; x < width; ) {
      const from = y * width + x;
      let to = from;
      while (to < (y + 1) * width && style[to] === style[from]) to++;
      row += marked(text.slice(from, to).join(''), styles[style[from] ?? 0] ?? '');
      x += to - from;
    }
    return row.trimEnd();
  });
  return `<pre>${rows.join('\n')}</pre>`;
}

function marked(text: string, parameters: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  if (parameters === '') return escaped;
  const names = (parameters.match(/38;5;\d+|\d+/g) ?? []).map(parameter => {
    const colour = /^38;5;(\d+)$/.exec(parameter)?.[1];
    const name = colour === undefined ? classes[parameter] : `colour-${colour}`;
    if (name === undefined) throw new Error(`no class for SGR ${parameter}`);
    return name;
  });
  return `<i class="${names.join(' ')}">${escaped}</i>`;
}
