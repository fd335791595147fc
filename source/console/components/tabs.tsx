import {Box, useIsScreenReaderEnabled} from 'ink';
import {Fragment} from 'react';
import {textWidth} from '../screen/cell-width.ts';
import {openTable} from '../state/browsing.ts';
import {shownViews} from '../state/state.ts';
import {views} from '../views/index.ts';
import {useConsole, useTheme} from './context.ts';
import {Measured} from './measured.tsx';
import {Text} from './text.tsx';

/** How the tabs are written: the first that fits is taken. The current tab is never shortened. */
type Style = {
  gap: string;
  hasCounts: boolean;
  titleLength: number;
  /** Without a space between key and title. */
  isTight?: true;
  /** What says that the order is frozen. */
  frozen: 'words' | 'sign';
};

const styles: Style[] = [
  {gap: '  ', hasCounts: true, titleLength: 99, frozen: 'words'},
  {gap: ' ', hasCounts: true, titleLength: 99, frozen: 'words'},
  {gap: ' ', hasCounts: true, titleLength: 99, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 99, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 99, isTight: true, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 8, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 4, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 3, frozen: 'sign'},
  {gap: ' ', hasCounts: false, titleLength: 0, frozen: 'sign'},
];

/** In UTF-16 units, more than any screen shows: a pasted filter may be of any length. */
const longestFilter = 500;

type Tab = {key: string; title: string; isCurrent: boolean; count: string; isBad: boolean};

/** The views with their counts, and the filter, tags and frozen order of the one that is open. */
export function Tabs() {
  const tabs = useTabs();
  const isRead = useIsScreenReaderEnabled();
  const {filter, tagged, isFrozen} = useConsole(state => {
    const table = openTable(state);
    return {
      filter: table.filter.slice(0, longestFilter),
      tagged: table.tagged.length,
      isFrozen: table.frozenOrder !== null,
    };
  });
  const {symbols} = useTheme();
  const order = (style: Style) =>
    isFrozen ? (style.frozen === 'words' ? ' order frozen' : ` ${symbols.frozen}`) : '';
  const tableText = `${filter && ` /${filter}`}${tagged > 0 ? ` ${tagged} tagged` : ''}`;
  const widthOf = (style: Style) =>
    tabs.reduce(
      (sum, tab) => sum + textWidth(style.gap + tab.key + titleOf(tab, style) + countOf(tab, style)),
      0,
    ) -
    style.gap.length +
    textWidth(tableText + order(style));
  return (
    <Measured
      flexGrow={0}
      flexShrink={0}
      flexBasis={1}
      height={1}
      {...(isRead && {'aria-label': describe(tabs) + tableText})}
    >
      {({width}) => {
        const style = styles.find(each => widthOf(each) <= width) ?? (styles.at(-1) as Style);
        return (
          <Box justifyContent="space-between">
            <Box flexShrink={0}>
              <Text>
                {tabs.map((tab, index) => (
                  <Fragment key={tab.key}>
                    {index === 0 ? '' : style.gap}
                    <Text role="key">{tab.key}</Text>
                    {shownTitle(titleOf(tab, style), tab.isCurrent)}
                    <Text role={tab.isBad ? 'danger' : 'muted'}>{countOf(tab, style)}</Text>
                  </Fragment>
                ))}
              </Text>
            </Box>
            <Text>
              {filter !== '' && <Text role="accent">{` /${filter}`}</Text>}
              {tagged > 0 && <Text role="warning">{` ${tagged} tagged`}</Text>}
              {isFrozen && <Text role="muted">{order(style)}</Text>}
            </Text>
          </Box>
        );
      }}
    </Measured>
  );
}

/** For a screen reader, which does not say that a title is underlined. */
function describe(tabs: Tab[]): string {
  const named = ({key, title, count}: Tab) => `${key} ${title}${count && ` ${count}`}`;
  const [current = ''] = tabs.filter(({isCurrent}) => isCurrent).map(named);
  const others = tabs.filter(({isCurrent}) => !isCurrent).map(named);
  return `view ${current}; others: ${others.join(', ')}.`;
}

/** The current title is underlined, the space before it is not. */
function shownTitle(title: string, isCurrent: boolean) {
  if (!isCurrent) return title;
  return (
    <>
      {title.startsWith(' ') ? ' ' : ''}
      <Text role="heading">{title.trimStart()}</Text>
    </>
  );
}

function titleOf({title, isCurrent}: Tab, {titleLength, isTight}: Style): string {
  const shown = isCurrent ? title : title.slice(0, titleLength);
  return shown === '' || isTight ? shown : ` ${shown}`;
}

function countOf({count, isBad}: Tab, {hasCounts}: Style): string {
  return count !== '' && (hasCounts || isBad) ? ` ${count}` : '';
}

function useTabs(): Tab[] {
  const shownIds = useConsole(state => shownViews(views, state).map(({id}) => id));
  const badges = useConsole(state => views.map(({badge}) => badgeText(badge(state))));
  const current = useConsole(({view}) => view);
  const tabs = views.map(({id, key, title}, index) => {
    const badge = badges[index] ?? '';
    const isBad = badge.startsWith('!');
    return {key, title, isCurrent: id === current, count: isBad ? badge.slice(1) : badge, isBad};
  });
  return tabs.filter((_, index) => shownIds.includes(views[index]?.id ?? ''));
}

/** One string, so that an unchanged badge is the same; a bad one begins with `!`. */
function badgeText(badge: ReturnType<(typeof views)[number]['badge']>): string {
  return badge === null ? '' : `${badge.isBad ? '!' : ''}${badge.text}`;
}
