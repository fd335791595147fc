import {describe, expect, it} from 'vitest';
import {maskSecrets} from '../../../source/core/sql/secrets.ts';

describe('maskSecrets', () => {
  it.each([
    ["CREATE INDEX i ON public.t USING btree (a) WHERE ((password = 'hush'::text) AND (b = 'y'::text))", 1],
    [
      "CREATE INDEX i ON public.t USING btree (a) WHERE (((password)::text = 'hush'::text) AND (b = 'y'::text))",
      1,
    ],
    ["CREATE INDEX i ON t (a) WHERE 'hush' = password AND b = 'y'", 1],
    [
      "CREATE INDEX i ON t (a) WHERE (password)::text = ANY ((ARRAY['hush1'::character varying, 'hush2'::character varying])::text[])",
      2,
    ],
    ["CREATE INDEX i ON t (a) WHERE api_key IN ('hush', 'hush') OR b = 'y'", 2],
    ["CREATE INDEX i ON t (a) WHERE ((payload ->> 'password'::text) = 'hush'::text)", 1],
    ["ALTER ROLE app ENCRYPTED PASSWORD /* a /* b */ c */ E'hush' VALID UNTIL 'infinity'", 2],
    ["ALTER ROLE app SET app.secret TO 'hush'", 1],
    ["SELECT set_config('app.token', 'hush', false), 'y'", 1],
    ["SELECT pgp_sym_encrypt(d, 'hush') FROM t WHERE b = 'y'", 1],
    ["DO $$BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''hush'''; PERFORM 'y'; END$$", 1],
    ['SELECT 1 WHERE password = 4711', 1],
  ])('%s', (sql, secrets) => {
    const masked = maskSecrets(sql);
    expect(masked.split('***').length - 1).toBe(secrets);
    expect(masked).not.toMatch(/hush|4711/);
    for (const kept of sql.match(/'y'/g) ?? []) expect(masked).toContain(kept);
  });

  it.each([
    ["CREATE INDEX i ON public.t USING btree (c) WHERE (c = 'http://u:hush@h'::text)", "'http://u:***@h'"],
    [`SELECT '{"token": "hush", "a": "b"}'::jsonb`, '"a": "b"'],
    ["CREATE SERVER s OPTIONS (host 'h', password 'hush')", "host 'h'"],
    ["SELECT dblink_connect('host=h password=hush dbname=d')", 'host=h password=***'],
  ])('masks only the secret of %s', (sql, rest) => {
    expect(maskSecrets(sql)).not.toContain('hush');
    expect(maskSecrets(sql)).toContain(rest);
  });

  it.each([
    "CREATE INDEX i ON public.t USING btree (((payload ->> 'password'::text)))",
    "CREATE INDEX i ON public.t USING btree (lower((payload ->> 'password'::text))) WHERE (kind = 'web'::text)",
    "CREATE INDEX i ON public.user_token USING btree (token, COALESCE(kind, 'none'::text)) WHERE (token IS NOT NULL)",
    "CREATE INDEX i ON public.t USING gin (payload) WHERE (payload ? 'password'::text)",
    'UPDATE users SET password = $1 WHERE token = $2',
    `SELECT "a"."token" FROM "a" JOIN "b" ON "a"."token" = "b"."token"`,
    "SELECT pg_catalog.pg_try_advisory_lock(72707369), 'the password of a role'",
    'DROP INDEX CONCURRENTLY "public"."password_idx"',
  ])('does not change %s', sql => expect(maskSecrets(sql)).toBe(sql));

  it('is fast on a thousand nested literals', () => {
    const nested = Array.from({length: 2000}, (_, at) => `$a${at}$`).join(' ');
    expect(maskSecrets(`DO ${nested} 'hush`)).not.toContain('hush');
  });
});
