import {below, few, shares, skewFunctions} from './skewed-rows.ts';

export const ticketCounts = {
  workspaces: 80,
  users: 8000,
  tickets: 60_000,
  messages: 240_000,
  memberships: 120_000,
  tags: 60,
} as const;

const {workspaces, users, tickets, messages, memberships, tags} = ticketCounts;

/** A help desk with threads: keys and what is unique, and an index for the foreign key that hurt first. */
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

/** Old tickets are closed; a few have long threads, and most messages answer none. */
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
