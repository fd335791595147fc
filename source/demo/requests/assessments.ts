import type {Random} from '../../core/random.ts';
import {incidentDay, rowCounts} from '../rows.ts';
import type {Request, Send} from './prisma-sql.ts';
import {count, create, findMany, findUnique, groupBy, type Query, tagged, update} from './prisma-sql.ts';

const levels = ['beginner', 'letter', 'word', 'paragraph', 'story', 'comprehension1', 'comprehension2'];
const cycles = ['baseline', 'midline', 'endline'];
const roles = ['admin', 'coordinator', 'mentor', 'teacher', 'viewer'];
const studentColumns = ['id', 'name', 'gender', 'age', 'pilot_school_id', 'is_active', 'baseline_level'];
const assessmentColumns = [
  'id',
  'student_id',
  'assessment_type',
  'subject',
  'level',
  'score',
  'assessed_date',
];

/** Requests to the school assessments application during the incident. */
export const assessmentsRequests: Request[] = [
  {
    route: '/api/reports/dashboard',
    weight: 2,
    // Nine in parallel, then two for each of six months: 21 statements.
    async run(send) {
      const tag = (query: Query) => tagged(query, {route: '/api/reports/dashboard'});
      await Promise.all(
        [
          count('students'),
          count('assessments'),
          count('pilot_schools'),
          count('users', {role: 'teacher'}),
          findMany('assessments', assessmentColumns, {}, {orderBy: 'assessed_date', take: 10}),
          findMany('students', studentColumns, {is_active: true}, {orderBy: 'created_at', take: 200}),
          ...cycles.map(cycle => count('assessments', {assessment_type: cycle})),
        ].map(query => send(tag(query))),
      );
      for (const [from, to] of lastMonths(6)) {
        await send(tag(count('assessments', {assessed_date: ['>=', from], created_at: ['<', to]})));
        await send(tag(levelsIn(from, to)));
      }
    },
  },
  {
    route: '/api/rbac/dashboard',
    weight: 2,
    async run(send) {
      await Promise.all(
        [
          count('users'),
          count('users', {is_active: true}),
          ...roles.map(role => count('users', {role})),
          count('pilot_schools'),
          count('students'),
          count('assessments'),
          count('mentoring_visits'),
        ].map(send),
      );
    },
  },
  {
    route: '/api/public/assessment-data',
    weight: 2,
    async run(send, random) {
      const subject = random.oneOf(['language', 'math']);
      const tag = (query: Query) => tagged(query, {route: '/api/public/assessment-data'});
      await Promise.all(levels.map(level => send(tag(count('assessments', {level, subject})))));
      await Promise.all(
        cycles.map(cycle => send(tag(count('assessments', {assessment_type: cycle, subject})))),
      );
    },
  },
  {
    route: '/api/assessments/bulk',
    weight: 3,
    async run(send, random) {
      for (let i = 0; i < 8; i++) await importOne(send, random);
    },
  },
  {
    route: '/api/students/[id]/assessment-history',
    weight: 4,
    async run(send, random) {
      const student_id = anyId(random, rowCounts.students);
      await send(findMany('assessments', assessmentColumns, {student_id}, {orderBy: 'assessed_date'}));
    },
  },
  {
    route: '/api/mentoring-visits',
    weight: 3,
    async run(send, random) {
      const mentor_id = anyId(random, rowCounts.users);
      await send(
        findMany('user_pilot_school_assignments', ['pilot_school_id', 'subject'], {user_id: mentor_id}),
      );
      await send(
        findMany('mentoring_visits', ['id', 'visit_date', 'status'], {mentor_id}, {orderBy: 'visit_date'}),
      );
    },
  },
];

/** The requests after the fix: one statement for all counts, reads with a limit, and indexes. */
export const calmAssessmentsRequests: Request[] = [
  {
    route: '/api/public/assessment-data',
    weight: 1,
    async run(send) {
      const from = lastMonths(1)[0]?.[0];
      await send(groupBy('assessments', ['level'], {assessed_date: ['>=', from]}));
    },
  },
  {
    route: '/api/students/[id]/assessment-history',
    weight: 8,
    async run(send, random) {
      const student_id = anyId(random, rowCounts.students);
      await send(
        findMany('assessments', assessmentColumns, {student_id}, {orderBy: 'assessed_date', take: 50}),
      );
    },
  },
  {
    route: '/api/mentoring-visits',
    weight: 4,
    async run(send, random) {
      const mentor_id = anyId(random, rowCounts.users);
      const page = {orderBy: 'visit_date', take: 20};
      await send(findMany('mentoring_visits', ['id', 'visit_date', 'status'], {mentor_id}, page));
    },
  },
];

/** One iteration of the bulk import: four statements for each student, one after the other. */
export async function importOne(send: Send, random: Random, id?: number): Promise<void> {
  const studentId = id ?? anyId(random, rowCounts.students);
  const [assessment_type, subject, level] = [
    random.oneOf(cycles),
    random.oneOf(['language', 'math']),
    random.oneOf(levels),
  ];
  const tag = (query: Query) => tagged(query, {action: 'bulk', route: '/api/assessments'});
  await send(tag(findUnique('students', studentColumns, studentId)));
  await send(
    tag(
      findMany(
        'assessments',
        assessmentColumns,
        {student_id: studentId, assessment_type, subject},
        {take: 1},
      ),
    ),
  );
  const assessment = {
    student_id: studentId,
    pilot_school_id: anyId(random, rowCounts.pilot_schools),
    added_by_id: anyId(random, rowCounts.users),
    assessment_type,
    subject,
    level,
    score: random.below(101),
    assessed_date: incidentDay,
  };
  await send(tag(create('assessments', assessment)));
  await send(
    tag(update('students', studentId, {[`${assessment_type}_level`]: level, updated_at: incidentDay})),
  );
}

function levelsIn(from: string, to: string): Query {
  return findMany(
    'assessments',
    ['level', 'subject'],
    {assessed_date: ['>=', from], created_at: ['<', to]},
    {take: 500},
  );
}

/** First days of the last `n` months, each with that of the following month. */
function lastMonths(n: number): [from: string, to: string][] {
  return Array.from({length: n}, (_, back) => [monthStart(back), monthStart(back - 1)]);
}

function monthStart(back: number): string {
  const day = new Date(`${incidentDay.slice(0, 7)}-01T00:00:00Z`);
  day.setUTCMonth(day.getUTCMonth() - back);
  return day.toISOString().slice(0, 10);
}

function anyId(random: Random, n: number): number {
  return 1 + random.below(n);
}
