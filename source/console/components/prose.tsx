import {createContext, memo, useContext} from 'react';
import {type StepLine, stepLines} from '../../core/engine/step-preview.ts';
import type {Step} from '../../model/step.ts';
import {textWidth} from '../screen/cell-width.ts';
import {type Role, shorten, wrapText} from '../screen/line.ts';
import {Rows, Text} from './text.tsx';

/** The width of a page in cells, to which its paragraphs are wrapped. */
export const PageWidth = createContext(80);

export function usePageWidth(): number {
  return useContext(PageWidth);
}

/** The title of a part of a page. */
export function Heading({children}: {children: string}) {
  return <Text role="heading">{`  ${children}`}</Text>;
}

export function BlankRow() {
  return <Text> </Text>;
}

type ProseProps = {
  /** One paragraph, or several. */
  text: string | readonly string[];
  /** Cells at the left; at the right there are two. */
  indent?: number;
  role?: Role;
};

/** Paragraphs of any length, wrapped to the page. They are wrapped again only where text or page have changed. */
export const Prose = memo(function Prose({text, indent = 2, role = 'plain'}: ProseProps) {
  const width = usePageWidth();
  const margin = ' '.repeat(indent);
  const paragraphs = typeof text === 'string' ? [text] : text;
  const rows = paragraphs.flatMap(paragraph => wrapText(paragraph, width - indent - 2));
  return rows.length > 0 && <Rows role={role} rows={rows.map(row => margin + row)} />;
});

type SignedProps = {sign: string; signRole: Role; text: string; role?: Role};

/** A sign, and a paragraph beside it. */
export const Signed = memo(function Signed({sign, signRole, text, role = 'plain'}: SignedProps) {
  const margin = `  ${sign} `;
  return wrapText(text, usePageWidth() - margin.length - 2).map((row, index) => (
    <Text key={index}>
      <Text role={signRole}>{index === 0 ? margin : ' '.repeat(margin.length)}</Text>
      <Text role={role}>{row}</Text>
    </Text>
  ));
});

/** A name, and a value that wraps. */
export type Property = [name: string, value: string];

type PropertyRowsProps = {name: string; value: string; indent?: number; nameWidth?: number; nameRole?: Role};

/** A name that leaves no gap before its value has a row of its own. */
export const PropertyRows = memo(function PropertyRows({
  name,
  value,
  indent = 2,
  nameWidth = 14,
  nameRole = 'muted',
}: PropertyRowsProps) {
  const left = indent + nameWidth;
  const isLong = textWidth(name) >= nameWidth;
  const rows = wrapText(value, usePageWidth() - left - 2).map((row, index) => (
    <Text key={index}>
      <Text role={nameRole}>{(' '.repeat(indent) + (index === 0 && !isLong ? name : '')).padEnd(left)}</Text>
      {row}
    </Text>
  ));
  if (!isLong) return rows;
  return (
    <>
      <Prose text={name} indent={indent} role={nameRole} />
      {rows}
    </>
  );
});

/** What `r` does on a page. */
export function WhatCanBeDone({value}: {value: string}) {
  return (
    <>
      <BlankRow />
      <Heading>what can be done</Heading>
      <PropertyRows name="r" nameWidth={4} nameRole="key" value={value} />
    </>
  );
}

/** Names and values in two columns. */
export function Properties({properties}: {properties: Property[]}) {
  return properties.map(([name, value], index) => <PropertyRows key={index} name={name} value={value} />);
}

const indent = 6;

type StepTextProps = {
  step: Step;
  /** What this one showed is not repeated. */
  before?: Step | undefined;
  /** A long guard is shortened to one line. */
  isFolded?: boolean;
};

/** What a step runs: the statement is always complete, however narrow the terminal. */
export const StepText = memo(function StepText({step, before, isFolded = false}: StepTextProps) {
  const width = usePageWidth();
  return stepLines(step, {before, isFolded}).map((line, index) => (
    <Prose
      key={index}
      text={line.kind === 'folded' ? shorten(line.text, width - indent - 2, '…') : line.text}
      indent={indent}
      role={roleOf(line)}
    />
  ));
});

/** A diff keeps its + and - signs: colour is never the only sign. */
function roleOf({kind, text}: StepLine): Role {
  switch (kind) {
    case 'statement':
      return 'accent';
    case 'irreversible':
      return 'warning';
    case 'text':
      return 'plain';
    case 'diff':
      return text.startsWith('-') ? 'danger' : text.startsWith('+') ? 'good' : 'muted';
    default:
      return 'muted';
  }
}
