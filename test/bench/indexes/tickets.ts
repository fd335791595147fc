import {below, few, shares, skewFunctions} from './skewed-rows.ts';
import {daysAgo, oftenFirst, parameters, type Statement, several} from './statement.ts';

const ticketCounts = {
  workspaces: 80,
  users: 8000,
  tickets: 60_000,
  messages: 240_000,
  memberships: 120_000,
  tags: 60,
} as const;

const {workspaces, users, tickets, messages, memberships, tags} = ticketCounts;

/** A help desk with threads: keys, unique constraints, and an index for the foreign key that was slow first. */
export const ticketsSchema = `
CREATE TABLE workspaces (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (id serial PRIMARY KEY, workspace_id integer NOT NULL REFERENCES workspaces, email text NOT NULL UNIQUE,
  display_name text NOT NULL, is_agent boolean NOT NULL, last_seen_at timestamptz);
CREATE TABLE tickets (id serial PRIMARY KEY, workspace_id integer NOT NULL REFERENCES workspaces, number integer NOT NULL,
  requester_id integer NOT NULL REFERENCES users, assignee_id integer REFERENCES users, status text NOT NULL,
  priority smallint NOT NULL, subject text NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  due_at timestamptz, UNIQUE (workspace_id, number));
CREATE TABLE messages (id bigserial PRIMARY KEY, ticket_id integer NOT NULL REFERENCES tickets,
  author_id integer NOT NULL REFERENCES users, parent_id bigint REFERENCES messages, body text NOT NULL,
  created_at timestamptz NOT NULL, deleted_at timestamptz);
CREATE INDEX messages_ticket_id_idx ON messages (ticket_id);
CREATE TABLE memberships (ticket_id integer NOT NULL REFERENCES tickets, user_id integer NOT NULL REFERENCES users,
  last_read_message_id bigint NOT NULL, is_muted boolean NOT NULL, PRIMARY KEY (ticket_id, user_id));
CREATE TABLE ticket_tags (ticket_id integer NOT NULL REFERENCES tickets, tag_id integer NOT NULL, PRIMARY KEY (ticket_id, tag_id));`;

/** Old tickets are closed, a few have long threads, and most messages are not replies. */
export const ticketsRows = [
  skewFunctions,
  `INSERT INTO workspaces (name) SELECT 'Workspace ' || i FROM generate_series(1, ${workspaces}) i`,
  `INSERT INTO users (workspace_id, email, display_name, is_agent, last_seen_at)
    SELECT 1 + ${few(1, workspaces)}, ${shares(2, {ann: 20, bert: 20, chris: 20, dora: 20, emil: 20})} || i || '@example.org',
      'User ' || i, ${below(3, 20)} = 0, CASE WHEN ${below(4, 3)} > 0 THEN pg_temp.grown(i, ${users}, 90) END
    FROM generate_series(1, ${users}) i`,
  `INSERT INTO tickets (workspace_id, number, requester_id, assignee_id, status, priority, subject, created_at, updated_at, due_at)
    SELECT u.workspace_id, i, u.id, CASE WHEN ${below(1, 8)} > 0 THEN 1 + ${few(2, users)} END,
      CASE WHEN i > ${tickets} * 0.96 THEN ${shares(3, {open: 60, pending: 25, solved: 15})}
        ELSE ${shares(4, {closed: 94, solved: 4, open: 1, pending: 1})} END,
      ${shares(5, {0: 75, 1: 18, 2: 6, 3: 1})}::smallint,
      ${shares(6, {Refund: 25, Login: 30, Delivery: 25, Invoice: 15, Outage: 5})} || ' question ' || i,
      made, least(now(), made + ${few(7, 200)} * interval '1 hour'),
      CASE WHEN ${below(8, 3)} = 0 THEN made + interval '3 days' END
    FROM generate_series(1, ${tickets}) i JOIN users u ON u.id = 1 + ${few(9, users)},
      LATERAL pg_temp.grown(i, ${tickets}, 500) made ORDER BY i`,
  `INSERT INTO messages (ticket_id, author_id, parent_id, body, created_at, deleted_at)
    SELECT ${tickets} - ${few(1, tickets)}, 1 + ${few(2, users)},
      CASE WHEN ${below(3, 4)} = 0 AND i > 50 THEN i - 1 - ${few(4, 40)} END, repeat('so it goes ', 2 + ${few(5, 20)}),
      pg_temp.grown(i, ${messages}, 500), CASE WHEN ${below(6, 60)} = 0 THEN now() END
    FROM generate_series(1, ${messages}) i`,
  `INSERT INTO memberships (ticket_id, user_id, last_read_message_id, is_muted)
    SELECT 1 + ${below(1, tickets)}, 1 + ${few(2, users)}, ${messages} - ${few(3, messages)}, ${below(4, 15)} = 0
    FROM generate_series(1, ${memberships}) i ON CONFLICT DO NOTHING`,
  `INSERT INTO ticket_tags (ticket_id, tag_id) SELECT 1 + ${below(1, tickets)}, 1 + ${few(2, tags)}
    FROM generate_series(1, ${tickets}) i ON CONFLICT DO NOTHING`,
];

const prefixes = ['ann', 'bert1', 'chris20', 'dora3'];

/** Lists, threads and badges of the help desk. */
export const ticketsStatements: readonly Statement[] = [
  {
    calls: 30,
    text: `SELECT id, number, subject, status, priority, assignee_id, updated_at FROM tickets
      WHERE workspace_id = $1 AND status IN ('open', 'pending') AND (updated_at, id) < ($2, $3)
      ORDER BY updated_at DESC, id DESC LIMIT 25`,
    values: random => [oftenFirst(random, workspaces), daysAgo(random.below(20)), tickets],
  },
  {
    calls: 40,
    text: `SELECT id, author_id, parent_id, body, created_at FROM messages WHERE ticket_id = $1 AND deleted_at IS NULL
      AND (created_at < $2 OR (created_at = $2 AND id < $3)) ORDER BY created_at DESC, id DESC LIMIT 50`,
    values: random => [tickets - oftenFirst(random, tickets), daysAgo(random.below(20)), messages],
  },
  {
    calls: 30,
    text: `SELECT count(*) FROM memberships s JOIN messages m ON m.ticket_id = s.ticket_id AND m.id > s.last_read_message_id
      WHERE s.user_id = $1 AND NOT s.is_muted AND m.author_id <> $1 AND m.deleted_at IS NULL`,
    values: random => [oftenFirst(random, users)],
  },
  {
    calls: 20,
    text: 'SELECT ticket_id, count(*) AS unread FROM messages WHERE ticket_id = ANY($1) AND created_at > $2 AND deleted_at IS NULL GROUP BY ticket_id',
    values: random => [several(random, 25, tickets), daysAgo(3)],
  },
  {
    calls: 20,
    text: `SELECT id, number, subject, status, priority, updated_at FROM tickets WHERE workspace_id = $1 AND assignee_id = $2
      AND status <> 'closed' ORDER BY priority DESC, updated_at DESC LIMIT 50`,
    values: random => [oftenFirst(random, workspaces), oftenFirst(random, users)],
  },
  {
    calls: 20,
    text: `SELECT count(*) FROM tickets WHERE workspace_id = $1 AND assignee_id IS NULL AND status = 'open'`,
    values: random => [oftenFirst(random, workspaces)],
  },
  {
    calls: 15,
    text: 'SELECT id, display_name, email FROM users WHERE workspace_id = $1 AND email LIKE $2 ORDER BY email LIMIT 10',
    values: random => [oftenFirst(random, workspaces), `${random.oneOf(prefixes)}%`],
  },
  {
    calls: 6,
    text: `SELECT id, number, subject FROM tickets WHERE workspace_id = $1 AND lower(subject) LIKE 'outage%' ORDER BY id DESC LIMIT 20`,
    values: random => [oftenFirst(random, workspaces)],
  },
  {
    calls: 4,
    text: 'SELECT status, count(*) FROM tickets WHERE workspace_id = $1 AND created_at BETWEEN $2 AND $3 GROUP BY status',
    values: random => [oftenFirst(random, workspaces), daysAgo(7), daysAgo(0)],
  },
  {
    calls: 6,
    text: `SELECT id, workspace_id, due_at FROM tickets WHERE status = 'open' AND due_at < now() ORDER BY due_at LIMIT 100`,
    values: () => [],
  },
  {
    calls: 15,
    text: `SELECT p.id, p.body, p.created_at, count(r.id) AS replies, max(r.created_at) AS last_reply_at FROM messages p
      LEFT JOIN messages r ON r.parent_id = p.id AND r.deleted_at IS NULL
      WHERE p.ticket_id = $1 AND p.parent_id IS NULL GROUP BY p.id ORDER BY p.id`,
    values: random => [tickets - oftenFirst(random, tickets)],
  },
  {
    calls: 20,
    text: `SELECT DISTINCT ON (ticket_id) ticket_id, id, author_id, created_at FROM messages
      WHERE ticket_id IN (${parameters(1, 25)}) AND deleted_at IS NULL ORDER BY ticket_id, created_at DESC`,
    values: random => several(random, 25, tickets),
  },
  {
    calls: 30,
    text: 'UPDATE memberships SET last_read_message_id = $3 WHERE user_id = $1 AND ticket_id = $2',
    values: random => [oftenFirst(random, users), 1 + random.below(tickets), messages],
  },
  {
    calls: 5,
    text: `SELECT t.id, t.number, t.subject FROM tickets t WHERE t.workspace_id = $1
      AND EXISTS (SELECT 1 FROM ticket_tags g WHERE g.ticket_id = t.id AND g.tag_id = $2)
      ORDER BY t.created_at DESC LIMIT 25`,
    values: random => [oftenFirst(random, workspaces), 1 + random.below(tags)],
  },
];
