import {Page} from '../components/page.tsx';
import {Properties} from '../components/prose.tsx';
import type {Cells} from '../state/dialog.ts';

/** A row of a table, whose columns are cut there. */
export function RowDetail({cells}: {cells: Cells}) {
  return (
    <Page>
      <Properties properties={cells} />
    </Page>
  );
}
