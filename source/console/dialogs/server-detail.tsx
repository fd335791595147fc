import {Fragment} from 'react';
import type {ServerRow} from '../../core/server/topics/index.ts';
import {useConsole} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PropertyRows, Prose} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {allServerRows, partOfServerView, verdictRoleOf} from '../rows/server.ts';

/** A line of the Server view: its verdict, the figures behind it, what can be done. It stays open when its subject is gone. */
export function ServerDetail({id, row: opened}: {id: string; row: ServerRow}) {
  const shown = useConsole(partOfServerView);
  const current = allServerRows(shown).find(each => each.id === id);
  const row = current ?? opened;
  const {topic, verdict, text, acts = []} = row;
  return (
    <Page>
      <Heading>{topic}</Heading>
      {current === undefined && <Text role="warning">{'  this is not there any more; as it was:'}</Text>}
      <PropertyRows name={verdict} value={text} nameRole={verdictRoleOf(row)} />
      {row.page().map(({heading, properties = [], text: paragraphs = []}) => (
        <Fragment key={heading}>
          <BlankRow />
          <Heading>{heading}</Heading>
          {properties.map(([name, value], index) => (
            <PropertyRows key={index} name={name} value={value} nameWidth={widthOf(properties)} />
          ))}
          <Prose text={paragraphs} />
        </Fragment>
      ))}
      {acts.length > 0 && (
        <>
          <BlankRow />
          <Heading>what can be done</Heading>
          {acts.map(({recipe, title, costs}, index) => (
            <PropertyRows
              key={title}
              name={recipe !== null && index === acts.findIndex(each => each.recipe !== null) ? 'r' : ''}
              nameWidth={4}
              nameRole="key"
              value={`${title}: ${costs}`}
            />
          ))}
        </>
      )}
    </Page>
  );
}

/** Of the names, with a gap; long ones do not push the values to the edge. */
function widthOf(properties: readonly [string, string][]): number {
  return Math.min(34, Math.max(14, ...properties.map(([name]) => name.length + 2)));
}
