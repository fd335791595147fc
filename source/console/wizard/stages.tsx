import {Box} from 'ink';
import {Fragment} from 'react';
import {usePageWidth} from '../components/prose.tsx';
import {useConsole} from '../components/store-context.ts';
import {Text} from '../components/text.tsx';
import {textWidth} from '../screen/cell-width.ts';
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

/** The recipe and its stages; where they do not fit the current stage alone: `4/5 confirm`. */
export function Stages({wizard}: {wizard: RecipeWizard}) {
  const {recipe, undoes, stage} = wizard;
  const isBenchmark = useConsole(state => recipeOf(state, wizard)?.isBenchmark ?? false);
  const own = undoes === null ? (isBenchmark ? stagesOfBenchmark : stages) : stages.slice(2);
  const at = own.findIndex(([id]) => id === (stage === 'done' ? 'running' : stage));
  const current = own[at]?.[1] ?? '';
  const whole = own.map(([, name]) => name).join(' > ');
  const title = undoes === null ? recipe : `undo of run ${undoes}, ${recipe}`;
  const isNarrow = usePageWidth() < textWidth(`  ${title}  ${whole}`);
  return (
    <Box height={1} flexShrink={0} gap={2}>
      <Text role="strong">{`  ${title}`}</Text>
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
