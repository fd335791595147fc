import type {Output} from '../../cli/context.ts';
import {exitCodes} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';

import type {ExitCode} from '../../model/run.ts';

export type CheckRecipesPorts = {
  lint(): Promise<{files: number; problems: {file: string; line: number; message: string}[]}>;
  output: Output;
};

/** What is wrong with the recipes of a folder, by file and line. Exit 0 where nothing is, else 2. */
export async function checkRecipes(
  {lint, output}: CheckRecipesPorts,
  {folder, json}: {folder: string; json: boolean},
): Promise<ExitCode> {
  const {files, problems} = await lint();
  if (json) output.stdout(jsonText({schema_version: 1, directory: folder, files, problems}, 2));
  else {
    const lines = problems.map(({file, line, message}) => `${file}:${line}: ${message}`);
    const end = problems.length === 0 ? [`${counted(files, 'recipe')}, nothing wrong`] : [];
    output.stdout([...lines, ...end].map(sanitise).join('\n'));
  }
  return problems.length === 0 ? exitCodes.ok : exitCodes.usage;
}
