import {Box} from 'ink';
import {Fragment} from 'react';
import {usePageWidth} from '../components/prose.tsx';
import {useConsole} from '../components/store-context.ts';
import {Text} from '../components/text.tsx';
import {type RecipeWizard, recipeOf, type WizardStage} from '../state/run.ts';

type Stage = [WizardStage, name: string];

const stages: Stage[] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** A benchmark has no findings and nothing to confirm. */
const stagesOfBenchmark: Stage[] = [
  ['evidence', 'about'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['running', 'measurement'],
];

/** Cells of the title that are left at least where all stages are named. */
const leastTitle = 10;

/** The recipe and its stages; on a narrow terminal the current stage alone: `4/5 confirm`. */
export function Stages({wizard}: {wizard: RecipeWizard}) {
  const {recipe, undoes, stage} = wizard;
  const isBenchmark = useConsole(state => recipeOf(state, wizard)?.isBenchmark ?? false);
  const own = undoes === null ? (isBenchmark ? stagesOfBenchmark : stages) : stages.slice(2);
  const at = own.findIndex(([id]) => id === (stage === 'done' ? 'running' : stage));
  const current = own[at]?.[1] ?? '';
  const whole = own.map(([, name]) => name).join(' > ');
  const isNarrow = usePageWidth() < leastTitle + 4 + whole.length;
  return (
    <Box height={1} flexShrink={0}>
      <Text role="strong">{`  ${undoes === null ? recipe : `undo of run ${undoes}, ${recipe}`}  `}</Text>
      <Box flexShrink={0} aria-label={`stage ${at + 1} of ${own.length}: ${current}`}>
        <Text>
          {isNarrow && <Text role="muted">{`${at + 1}/${own.length} `}</Text>}
          {isNarrow && <Text role="heading">{current}</Text>}
          {!isNarrow &&
            own.map(([id, name], index) => (
              <Fragment key={id}>
                <Text role="muted">{index === 0 ? '' : ' > '}</Text>
                <Text role={index === at ? 'heading' : 'muted'}>{name}</Text>
              </Fragment>
            ))}
        </Text>
      </Box>
    </Box>
  );
}
