/**
 * A value as JSON for a terminal or a file: whatever a terminal or an editor would obey or hide (C1 controls, DEL,
 * line separators, bidirectional and zero-width marks, lone surrogates) stands as `\uXXXX`, which parses to the same value.
 */
export function jsonText(value: unknown, indent = 0): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

/** The same of JSON text that is there already. */
export function escapeJson(json: string): string {
  return isPlain.test(json) ? json : json.replace(hostile, escapeUnits);
}

function escapeUnits(text: string): string {
  let escaped = '';
  for (let at = 0; at < text.length; at++)
    escaped += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return escaped;
}

const isPlain = /^[\n\x20-\x7e]*$/;
// A newline stands between members; every other C0 control JSON escapes itself.
const hostile = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
