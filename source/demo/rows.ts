/**
 * Row counts of the demo. The server generates the rows: each value is a hash of row number and seed, each date is relative
 * to a fixed day. A seed gives the same rows on every machine and version.
 */
export const rowCounts = {
  pilot_schools: 400,
  users: 2400,
  students: 60_000,
  assessments: 240_000,
  mentoring_visits: 24_000,
  tenants: 40,
  events: 1600,
  contests: 4800,
  categories: 14_400,
  contestants: 30_000,
  judges: 1200,
  assignments: 36_000,
  scores: 180_000,
  audit_logs: 60_000,
  agents: 60,
  messages: 80_000,
  tasks: 160_000,
} as const;

/** The day of the incident. */
export const incidentDay = '2025-10-27 09:00:00';

/** Creates `pick(i, salt, n)`: an integer from 0 to n-1, evenly distributed. The server drops it with the session. */
export function pickFunction(seed: number): string {
  return `CREATE FUNCTION pg_temp.pick(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
    AS 'SELECT ((hashint8extended(i, salt + ${Math.trunc(seed) * 1000}) & 2147483647) % n)::integer'`;
}

/** The INSERTs of each database, in the order that foreign keys require. */
export const rows: Record<'assessments' | 'scoring' | 'taskdesk', string[]> = {
  assessments: [
    `INSERT INTO pilot_schools (school_name, school_code, province, district, created_at)
      SELECT ${oneOf(1, ['Wat Bo', 'Hun Sen', 'Chey', 'Angkor', 'Samraong', 'Prek Leap'])} || ' Primary ' || i,
        'PS' || lpad(i::text, 4, '0'), ${oneOf(2, ['Battambang', 'Kampong Cham', 'Siem Reap', 'Kandal'])},
        'District ' || ${pick(3, 24)}, ${daysAgo(4, 400)}
      ${upTo('pilot_schools')}`,
    `INSERT INTO users (name, email, role, subject, pilot_school_id, is_active, created_at)
      SELECT 'User ' || i, 'user' || i || '@example.org',
        ${oneOf(1, ['teacher', 'teacher', 'teacher', 'teacher', 'mentor', 'mentor', 'viewer', 'coordinator', 'admin'])},
        ${oneOf(2, ['language', 'math'])}, 1 + ${pick(3, rowCounts.pilot_schools)}, ${pick(4, 20)} > 0, ${daysAgo(5, 400)}
      ${upTo('users')}`,
    `INSERT INTO user_pilot_school_assignments (user_id, pilot_school_id, subject, is_active)
      SELECT 1 + ${pick(1, rowCounts.users)}, 1 + ${pick(2, rowCounts.pilot_schools)},
        ${oneOf(3, ['language', 'math'])}, ${pick(4, 10)} > 0
      ${upTo('users', 2)}`,
    `INSERT INTO students (name, gender, age, pilot_school_id, added_by_id, baseline_level, is_active, is_temporary,
        created_at, updated_at)
      SELECT ${oneOf(1, ['Sok', 'Chan', 'Dara', 'Bopha', 'Srey', 'Vuthy'])} || ' ' || i, ${oneOf(2, ['male', 'female'])},
        7 + ${pick(3, 7)}, 1 + ${pick(4, rowCounts.pilot_schools)}, 1 + ${pick(5, rowCounts.users)}, ${level(6)},
        ${pick(7, 25)} > 0, ${pick(8, 40)} = 0, ${daysAgo(9, 300)}, ${daysAgo(10, 60)}
      ${upTo('students')}`,
    `INSERT INTO assessments (student_id, pilot_school_id, added_by_id, assessment_type, subject, level, score,
        assessed_date, is_temporary, created_at)
      SELECT 1 + ${pick(1, rowCounts.students)}, 1 + ${pick(2, rowCounts.pilot_schools)}, 1 + ${pick(3, rowCounts.users)},
        ${oneOf(4, ['baseline', 'midline', 'endline'])}, ${oneOf(5, ['language', 'math'])}, ${level(6)}, ${pick(7, 101)},
        ${daysAgo(8, 360)}, ${pick(9, 40)} = 0, ${daysAgo(8, 360)}
      ${upTo('assessments')}`,
    // A few students with years of weekly assessments.
    `INSERT INTO assessments (student_id, pilot_school_id, added_by_id, assessment_type, subject, level, score,
        assessed_date, created_at)
      SELECT 1 + i % 5, 1, 1 + ${pick(3, rowCounts.users)}, 'midline', ${oneOf(5, ['language', 'math'])}, ${level(6)},
        ${pick(7, 101)}, ${daysAgo(8, 1000)}, ${daysAgo(8, 1000)}
      FROM generate_series(1, 1200) AS i`,
    `INSERT INTO mentoring_visits (mentor_id, pilot_school_id, visit_date, status, observation)
      SELECT 1 + ${pick(1, rowCounts.users)}, 1 + ${pick(2, rowCounts.pilot_schools)}, ${daysAgo(3, 360)},
        ${oneOf(4, ['completed', 'completed', 'scheduled', 'cancelled'])}, 'Visit ' || i || ': reading corner, groups by level'
      ${upTo('mentoring_visits')}`,
  ],
  scoring: [
    `INSERT INTO tenants SELECT 'tenant_' || i, 'Tenant ' || i, 'tenant-' || i,
        jsonb_build_object('plan', ${oneOf(1, ['free', 'pro', 'enterprise'])}, 'seats', ${pick(2, 500)},
          'features', jsonb_build_object('emcee', ${pick(3, 2)} = 1, 'auditor', ${pick(4, 2)} = 1)), ${daysAgo(5, 700)}
      ${upTo('tenants')}`,
    `INSERT INTO events SELECT 'event_' || i, 'tenant_' || (1 + ${pick(1, rowCounts.tenants)}), 'Event ' || i,
        ${daysAgo(2, 500)}, ${pick(3, 3)} = 0 ${upTo('events')}`,
    `INSERT INTO contests SELECT 'contest_' || i, 'event_' || (1 + ${pick(1, rowCounts.events)}), 'Contest ' || i,
        ${daysAgo(2, 500)} ${upTo('contests')}`,
    `INSERT INTO categories SELECT 'category_' || i, 'contest_' || (1 + ${pick(1, rowCounts.contests)}), 'Category ' || i,
        100, NULL, ${pick(2, 2)} = 0, ${daysAgo(3, 500)} ${upTo('categories')}`,
    `INSERT INTO contestants SELECT 'contestant_' || i, 'tenant_' || (1 + ${pick(1, rowCounts.tenants)}), 'Contestant ' || i,
        1 + ${pick(2, 300)}, NULL ${upTo('contestants')}`,
    `INSERT INTO judges SELECT 'judge_' || i, 'tenant_' || (1 + ${pick(1, rowCounts.tenants)}), 'Judge ' || i,
        ${pick(2, 12)} = 0 ${upTo('judges')}`,
    `INSERT INTO assignments SELECT 'assignment_' || i, 'judge_' || (1 + ${pick(1, rowCounts.judges)}),
        'category_' || (1 + ${pick(2, rowCounts.categories)}), ${oneOf(3, ['PENDING', 'ACTIVE', 'COMPLETED'])}
      ${upTo('assignments')}`,
    `INSERT INTO scores SELECT 'score_' || i, 'category_' || (1 + ${pick(1, rowCounts.categories)}),
        'contestant_' || (1 + ${pick(2, rowCounts.contestants)}), 'judge_' || (1 + ${pick(3, rowCounts.judges)}),
        ${pick(4, 101)}, CASE WHEN ${pick(5, 8)} = 0 THEN 'clean finish, strong presence' END, ${daysAgo(6, 400)}
      ${upTo('scores')}`,
    `INSERT INTO rate_limit_configs SELECT 'limit_' || i, 'tenant_' || (1 + ${pick(1, rowCounts.tenants)}),
        CASE WHEN ${pick(2, 3)} > 0 THEN 'user_' || ${pick(3, 900)} END,
        ${oneOf(4, ['/api/v1/scores', '/api/v1/events', '/api/v1/results', '/api/v1/auth'])}, 60 + 60 * ${pick(5, 10)}
      ${upTo('tenants', 150)}`,
    `INSERT INTO system_settings SELECT 'setting_' || i, 'setting.' || i,
        jsonb_build_object('enabled', ${pick(1, 2)} = 1, 'value', ${pick(2, 1000)}) ${upTo('tenants', 5)}`,
    `INSERT INTO audit_logs (tenant_id, action, data, created_at)
      SELECT 'tenant_' || (1 + ${pick(1, rowCounts.tenants)}), ${oneOf(2, ['SCORE_SUBMITTED', 'LOGIN', 'CERTIFIED', 'EXPORT'])},
        jsonb_build_object('user_id', 'user_' || ${pick(3, 900)}, 'ip', '203.0.113.' || ${pick(4, 250)},
          'category_id', 'category_' || (1 + ${pick(5, rowCounts.categories)}), 'score', ${pick(6, 101)}), ${daysAgo(7, 120)}
      ${upTo('audit_logs')}`,
  ],
  taskdesk: [
    `INSERT INTO "User" SELECT 'agent_' || i, 'agent' || i || '@example.com', 'Agent ' || i,
        CASE WHEN i <= 4 THEN 'MANAGER' ELSE 'AGENT' END, ${pick(1, 3)} > 0, ${daysAgo(2, 2)} ${upTo('agents')}`,
    `INSERT INTO "RawMessage" SELECT 'message_' || i, '+1555' || lpad(${pick(1, 10_000_000)}::text, 7, '0'),
        'Brand ' || (1 + ${pick(2, 12)}), ${oneOf(3, ['Where is my order?', 'Please cancel my subscription', 'STOP'])},
        ${oneOf(4, ['READY', 'PROMOTED', 'PROMOTED', 'PROMOTED', 'SPAM_REVIEW'])}, ${daysAgo(5, 60)} ${upTo('messages')}`,
    `INSERT INTO "Task" SELECT 'task_' || i, 'message_' || (1 + ${pick(1, rowCounts.messages)}), 'Brand ' || (1 + ${pick(2, 12)}),
        ${oneOf(3, ['TEXT_CLUB', 'WOD_IVCS', 'EMAIL_REQUESTS', 'YOTPO', 'HOLDS', 'STANDALONE_REFUNDS'])},
        ${oneOf(4, ['PENDING', 'IN_PROGRESS', 'ASSISTANCE_REQUIRED', ...Array(9).fill('COMPLETED')])},
        CASE WHEN ${pick(5, 9)} > 0 THEN 'agent_' || (1 + ${pick(6, rowCounts.agents)}) END,
        ${oneOf(7, ['Answered', 'Refunded', 'Escalated'])}, ${daysAgo(8, 60)}, ${daysAgo(8, 60)}, ${daysAgo(9, 62)},
        ${daysAgo(8, 60)} ${upTo('tasks')}`,
  ],
};

function pick(salt: number, n: number): string {
  return `pg_temp.pick(i, ${salt}, ${n})`;
}

function oneOf(salt: number, values: string[]): string {
  const list = values.map(value => `"${value}"`).join(',');
  return `('{${list}}'::text[])[1 + ${pick(salt, values.length)}]`;
}

function level(salt: number): string {
  return oneOf(salt, [
    'beginner',
    'letter',
    'word',
    'paragraph',
    'story',
    'comprehension1',
    'comprehension2',
  ]);
}

/** Evenly distributed over the days before the incident, to the minute. */
function daysAgo(salt: number, days: number): string {
  return `timestamp '${incidentDay}' - make_interval(mins => ${pick(salt, days * 24 * 60)})`;
}

function upTo(table: keyof typeof rowCounts, factor = 1): string {
  return `FROM generate_series(1, ${rowCounts[table] * factor}) AS i`;
}
