import type {Output} from '../../cli/context.ts';
import {exitCodes} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';

import type {ReplayDocument} from '../../model/replay-report.ts';
import type {ExitCode} from '../../model/run.ts';

export type ReplayPorts = {
  /** Resolves with what was measured, also when it was interrupted. */
  measure(): Promise<ReplayDocument>;
  toText(document: ReplayDocument, columns: number): string;
  toMarkdown(document: ReplayDocument): string;
  /** Whether the user asked it to end. */
  isInterrupted(): boolean;
  output: Output;
};

/**
 * Measures an endpoint and prints what came of it. Errors that requests met are data: exit 0. Exit 7 where something
 * asked for could not be measured, 130 when interrupted, with what was measured until then.
 */
export async function replay(
  {measure, toText, toMarkdown, isInterrupted, output}: ReplayPorts,
  {json, markdown}: {json: boolean; markdown: boolean},
): Promise<ExitCode> {
  const document = await measure();
  if (json) output.stdout(jsonText(document, 2));
  else if (markdown) output.stdout(toMarkdown(document));
  else output.stdout(toText(document, output.columns));
  if (isInterrupted()) return exitCodes.interrupted;
  return document.is_complete ? exitCodes.ok : exitCodes.actFailed;
}
