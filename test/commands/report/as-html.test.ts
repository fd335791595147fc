import {describe, expect, it} from 'vitest';
import {htmlOf} from '../../../source/commands/report/render-html.ts';
import {createReport} from '../../../source/commands/report/report.ts';
import {clock, entries, recipe, recording, scope} from './content.ts';

describe('as HTML', () => {
  it('leaves gaps in its charts while the server was not observed', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [], underWay: new Map()}, scope),
      clock,
    );
    expect(html.match(/<polyline/g)).toHaveLength(8);
    expect(html.match(/class="gap"/g)).toHaveLength(4);
  });

  it('is one file without scripts or external requests', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    expect(html).not.toMatch(/<script|src=|href=|url\(|@import/i);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('s3cret');
    expect(html).not.toContain('\u001b');
  });

  it('draws a chart for each figure with its maximum, and a mark for each run', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    const charts = html.match(/<svg/g) ?? [];
    expect(charts).toHaveLength(4);
    // One more in the lane of the finding.
    expect(html.match(/class="act"/g)).toHaveLength(charts.length + 1);
    expect(html.match(/class="bar critical"/g)).toHaveLength(1);
    expect(html.match(/class="mark" style="left:[\d.]+%">1</g)).toHaveLength(1);
    expect(html.match(/class="limit"/g)).toHaveLength(1);
    expect(html).not.toContain('NaN');
  });
});
