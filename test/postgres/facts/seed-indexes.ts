/** A real migration of a scoring application: ten indexes, one of which another begins with. */
export const seedIndexes = `
-- Performance indexes
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_scores_category_contestant
ON scores(category_id, contestant_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_scores_judge_category
ON scores(judge_id, category_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_scores_category_contestant_created
ON scores(category_id, contestant_id, created_at DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_assignments_judge_category
ON assignments(judge_id, category_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_rate_limit_config_lookup
ON rate_limit_configs(tenant_id, user_id, endpoint);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_events_tenant_archived
ON events(tenant_id, archived, start_date DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_categories_contest_created
ON categories(contest_id, created_at DESC);
-- jsonb
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tenants_settings_gin
ON tenants USING GIN (settings);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_system_settings_value_gin
ON system_settings USING GIN (value);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_audit_logs_data_gin
ON audit_logs USING GIN (data);
`;

/** The tables they are for. */
export const seedSchema = `
CREATE TABLE scores (id text PRIMARY KEY, category_id text, contestant_id text, judge_id text, score int, comment text,
  created_at timestamp);
CREATE TABLE assignments (id text PRIMARY KEY, judge_id text, category_id text);
CREATE TABLE rate_limit_configs (id text PRIMARY KEY, tenant_id text, user_id text, endpoint text);
CREATE TABLE events (id text PRIMARY KEY, tenant_id text, archived boolean, start_date timestamp);
CREATE TABLE categories (id text PRIMARY KEY, contest_id text, created_at timestamp);
CREATE TABLE tenants (id text PRIMARY KEY, settings jsonb);
CREATE TABLE system_settings (id text PRIMARY KEY, value jsonb);
CREATE TABLE audit_logs (id text PRIMARY KEY, data jsonb)`;
