import {cleanLines} from '../../core/text/markdown.ts';

/** Escapes a text and joins its lines with spaces. */
export function escaped(text: string): string {
  return escapeMarkup(cleanLines(text).join(' '));
}

/** Escapes a text and keeps its lines. */
export function escapedLines(text: string): string {
  return cleanLines(text).map(escapeMarkup).join('\n');
}

export function list(items: readonly string[]): string {
  return `<ul>${items.map(item => `<li>${escaped(item)}</li>`).join('')}</ul>`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? '');
}

/** The style sheet of a report: light and dark, for desktop, phone and print. */
export const reportStyle = `
:root{color-scheme:light dark;--ink:#1b1f24;--muted:#59636e;--rule:#d5dae1;--back:#fff;--box:#f4f6f8;--line:#1f6feb;--warning:#9a6700;--critical:#cf222e;--good:#1a7f37;--label:11rem}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9aa4ae;--rule:#333b44;--back:#0d1117;--box:#161b22;--line:#58a6ff;--warning:#d29922;--critical:#ff7b72;--good:#3fb950}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.25;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .75rem;padding-bottom:.2rem;border-bottom:1px solid var(--rule)}h3{font-size:1rem;margin:1.75rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.4rem 0}ul{margin:.4rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}.when,.note,.outcome,small{color:var(--muted)}.when{margin:.2rem 0 1rem}
.row{display:grid;grid-template-columns:var(--label) 1fr;gap:0 .75rem;margin-bottom:.6rem}.label{font-size:.85rem;line-height:1.3;overflow-wrap:anywhere}.label small{display:block;font-size:.78rem}
.plot{position:relative;border-bottom:1px solid var(--rule);min-width:0}svg{display:block;width:100%;height:64px}
.line{fill:none;stroke:var(--line);stroke-width:1.5;vector-effect:non-scaling-stroke;stroke-linejoin:round}.area{fill:var(--line);opacity:.13}.limit{stroke:var(--critical);stroke-width:1;stroke-dasharray:4 3;vector-effect:non-scaling-stroke}
.act,.gap{position:absolute;top:0;bottom:0}.act{border-left:1.5px dashed var(--warning)}.gap{background:repeating-linear-gradient(45deg,var(--rule) 0 2px,transparent 2px 6px)}
.lane{border-bottom:0;min-height:1.1rem;background:linear-gradient(var(--rule),var(--rule)) 0 50%/100% 1px no-repeat}.bar{z-index:1;position:absolute;top:.2rem;height:.7rem;min-width:3px;border-radius:2px;background:var(--warning)}.bar.critical{background:var(--critical)}
.marks{height:1.2rem;border:0}.mark{position:absolute;transform:translateX(-50%);font-size:.72rem;line-height:1.1rem;min-width:1.1rem;text-align:center;border-radius:.55rem;background:var(--warning);color:var(--back)}
.axis{display:flex;justify-content:space-between;border:0;font-size:.78rem;color:var(--muted);font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:.87rem}th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}th{color:var(--muted);font-weight:500}td{overflow-wrap:anywhere}td:nth-child(-n+5){white-space:nowrap;font-variant-numeric:tabular-nums}
.critical .severity,.failed,.unknown{color:var(--critical)}.warning .severity,.skipped{color:var(--warning)}.severity{font-weight:600}.verified,.applied{color:var(--good)}
pre{background:var(--box);border:1px solid var(--rule);border-radius:4px;margin:.4rem 0;padding:.5rem .7rem;white-space:pre-wrap;overflow-wrap:anywhere;font:12.5px/1.45 ui-monospace,monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.87rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
ol{padding-left:1.6rem}ol>li{margin-bottom:.7rem}ol>li>p{margin:0}.outcome{font-size:.87rem}.stages{list-style:none;padding:0;font-size:.87rem}.stages time,.measures{font-variant-numeric:tabular-nums}.stages time{color:var(--muted);margin-right:.75rem}
@media (max-width:42rem){body{margin-top:1rem}.row{grid-template-columns:1fr}.label small{display:inline;margin-left:.5rem}thead{display:none}tr{display:flex;flex-wrap:wrap;gap:0 .75rem;padding:.45rem 0;border-bottom:1px solid var(--rule)}td{border:0;padding:0}td:last-child{flex-basis:100%}}
@media print{body{max-width:none;margin:0}pre,li,.row{break-inside:avoid}}
`;
