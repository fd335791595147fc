import {Measured} from '../components/measured.tsx';
import {useConsole} from '../components/store-context.ts';
import {Lines} from '../components/text.tsx';
import {useTheme} from '../components/theme-context.ts';
import type {Line} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state/state.ts';
import type {Area} from './view.ts';

/** A view that is laid out in lines yet. To become a component. */
export function drawn<Slice>(of: {
  select(state: ConsoleState): Slice;
  drawSlice(slice: Slice, area: Area, theme: Theme): Line[];
}) {
  return function Drawn() {
    const slice = of.select(useConsole(state => state));
    const theme = useTheme();
    return (
      <Measured>{area => <Lines lines={of.drawSlice(slice, area, theme)} width={area.width} />}</Measured>
    );
  };
}
