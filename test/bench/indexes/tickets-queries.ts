import {daysAgo, oftenFirst, parameters, type Statement, several} from './statement.ts';
import {ticketCounts} from './tickets-data.ts';

const {workspaces, users, tickets, messages, tags} = ticketCounts;
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
