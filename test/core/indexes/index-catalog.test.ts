import {describe, expect, it} from 'vitest';
import {resolveName} from '../../../source/core/indexes/index-catalog.ts';

const known = [
  {schema: 'public', name: 'students'},
  {schema: 'school', name: 'students'},
  {schema: 'school', name: 'Course'},
  {schema: 'school', name: 'a.b'},
];

describe('resolveName', () => {
  it.each([
    ['school.students', 'school.students'],
    ['Course', 'school.Course'],
    ['a.b', 'school.a.b'],
  ])('%s is %s', (typed, name) => {
    expect(resolveName('table', typed, known)).toBe(name);
  });

  it.each([
    ['students', /more than one schema/, 'candidates: public.students, school.students'],
    ['school.student', /does not exist/, 'did you mean school.students?'],
    ['Cuorse', /does not exist/, 'did you mean school.Course?'],
    ['shop.Course', /does not exist/, 'did you mean school.Course?'],
    ['nope', /does not exist/, 'candidates: public.students, school.students, school.Course, school.a.b'],
  ])('refuses %s', (typed, message, hint) => {
    expect(() => resolveName('table', typed, known)).toThrow(
      expect.objectContaining({exitCode: 2, message: expect.stringMatching(message), hint}),
    );
  });

  it('counts the candidates it does not name, and names none where there are none', () => {
    const many = Array.from({length: 7}, (_, at) => ({schema: 's', name: `table_number_${at}`}));
    const refused = (hint: unknown) => expect.objectContaining({hint});
    expect(() => resolveName('table', 'nope', many)).toThrow(refused(expect.stringMatching(/ and 2 more$/)));
    expect(() => resolveName('table', 'nope', [])).toThrow(refused(undefined));
  });
});
