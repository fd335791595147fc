/** How secrets are written beside SQL: the pattern, and what takes the place of the match. */
export type SecretForm = readonly [RegExp, string];

/** Tested first, so that the costly patterns run on few texts: it knows a word or a mark of each, these and those of redact.ts. */
export const mayHoldOne =
  /pass|pwd|pw\b|secret|token|key|auth|credential|cookie|signature|bearer|basic|identified|sqlplus|oracle|connect|:\/\/|\s-[apuw]|--user|AKIA|ASIA|PRIVATE|eyJ|SCRAM-|md5|:\d{2,5}:|:\*:|gh[pousr]_|gl\w{2,4}-|xox|xapp-|[sr]k[_-]|AIza|ya29|npm_|SG\.|_v1_|hf_|hv[sbr]\.|dp\.|dapi|shp|lin_|sb[p_]|npg_|pscale|ntn_|PMAK|pypi|FlyV1/i;

/** Tokens that are known by how they begin. */
const knownTokens =
  /\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|gl(?:pat|ptt|dt|rt|cbt|soat)-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|whsec_\w{10,}|AIza[\w-]{30,}|ya29\.[\w-]{10,}|GOCSPX-[\w-]{10,}|npm_\w{30,}|sk-(?:[a-z]{2,8}-){0,3}(?=[\w-]{0,200}\d)[\w-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}|do[opr]_v1_\w{20,}|hf_\w{20,}|hv[sbr]\.[\w-]{16,}|dp\.(?:st|pt|ct)\.[\w.-]{16,}|dapi[0-9a-f]{30,}|shp(?:at|ca|pa|ss)_\w{20,}|lin_api_\w{20,}|sbp_\w{16,}|sb_secret_\w{16,}|npg_\w{8,}|pscale_(?:tkn|pw|oauth)_\w{16,}|ntn_\w{20,}|PMAK-[\w-]{20,}|pypi-\w{20,}|FlyV1 \S{16,})/g;
/** What pg_authid keeps: a hash can be tried offline. */
const verifiers = /\b(SCRAM-SHA-256\$)\d{1,9}:[^\s'"]+|\bmd5[0-9a-f]{32}\b/g;
const webhooks =
  /(\bhttps:\/\/(?:hooks\.slack\.com\/(?:services|workflows)|discord(?:app)?\.com\/api\/webhooks)\/)[^\s'"]+/gi;
const urlParameters =
  /([?&#](?:x-amz-(?:signature|credential|security-token)|(?:id|session)_token|jwt|apikey|auth|sas|passwd|pwd)=)[^&\s"']+/gi;
/** `AccountKey=`, `SharedAccessKey=` of a connection string, `serviceRoleKey: ...`. */
const namedKeys =
  /(\b\w{0,64}(?:account|access|signing|encryption|master|serviceRole|service_role)_?key=)(?!\*\*\*)[^\s&"',;)]+/gi;
const headers =
  /(\b(?:x-(?:auth|access|vault|amz-security|csrf)-token|private-token|proxy-authorization|(?:set-)?cookie):\s*)(?!\*\*\*)[^\s'"]+/gi;
/** `"tokens": ["a", "b"]`, `"pwd": "x"`, `"pass": "x"` */
const jsonMembers =
  /(\\?"(?:[\w.-]{0,64}[_.-])?(?:pwd|pass|passcode|cookie)\\?"\s*:\s*|\\?"[\w.-]{0,64}(?:password|secret|token|key)s\\?"\s*:\s*(?=\[))(?:\\?"(?!\*\*\*)(?:[^"\\]|\\(?!")[\s\S])*(?:\\?"|$)|\[[^\]]{0,2000}(?:\]|$))/gi;
/** `password: 'x'` of an object that is written as code. */
const codeMembers =
  /(?<!\b(?:unexpected|invalid|near|unknown|illegal|bad|next|at) )((?:\b|_)(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|(?:api|access|secret|private|auth)[_-]?key)['"]?:\s*)(?:'(?!\*\*\*)[^']*'|"(?!\*\*\*)[^"]*")/gi;
/** A line of .pgpass: `host:5432:shop:app:secret`. An IPv6 address has no such host. */
const passfileLine =
  /(?<![\w:.-])((?:(?=[\w-]{0,200}[g-z.])[\w.-]{1,253}|\*):(?:\d{2,5}|\*):[^\s:]{1,63}:[^\s:]{1,63}:)[^\s:'"]+/gi;
const identifiedBy =
  /(\bidentified(?<=\b(?:create|alter|grant)\b[^;\n]{0,300})\s+(?:with\s+\S{1,64}\s+)?by\s+(?:password\s+)?)(?!\*\*\*)(?:'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|"[^"]*"|[^\s;'"]+)/gi;
/** `sqlplus app/secret@db`, `jdbc:oracle:thin:app/secret@db` */
const oracleLogin =
  /((?:\b(?:sqlplus|sqlcl|rman|expdp|impdp|sqlldr|connect|conn)\s+(?:-\w+\s+){0,4}["']?|\boracle:(?:thin|oci):)[\w$#]{1,128}\/)[^\s@"']{1,200}(?=@)/gi;

/** `mysql -psecret`, `sshpass -p secret`, `redis-cli -a secret`, `ldapsearch -w secret`, `smbclient -U user%secret` */
const commands =
  /(\b(?:(?:mysql|mariadb)[\w-]*\b[^|;&\n]{0,200}?\s-p(?=\S)|sshpass\s[^|;&\n]{0,100}?-p\s?|(?:redis-cli|valkey-cli)\b[^|;&\n]{0,200}?\s-a\s+|ldap\w+\b[^|;&\n]{0,300}?\s-w\s*|(?:sqlcmd|bcp|zip|unzip)\b[^|;&\n]{0,200}?\s-P\s*|(?:smbclient|net)\b[^|;&\n]{0,200}?\s-U\s*[\w\\/.-]{1,100}%))(?!\*\*\*)(?:'[^']*'|"[^"]*"|[^\s'"]+)/gi;
/** Long flags with a value of their own: `--pass secret`. */
const longFlags =
  /(\s--?(?:pass|passwd|passphrase|pwd|secret|auth|api-key|apikey|access-token|auth-token|client-secret|secret-key|http-password)[= ]\s*)(?![-*])(?:'[^']*'|"[^"]*"|[^\s'"]+)/gi;
/** `-p secret`: not a port, a path, a pattern of a path, a word of SQL, or the flag of a command for which it means something else. */
const shortFlag =
  /(\s-p(?<!\b(?:mkdir|cp|mv|rsync|tar|install|touch|ssh|scp|sftp|docker|podman|compose|kubectl|nc|ps|perf|patch|read|psql|pg\w*|createdb|dropdb|createuser|dropuser|vacuumdb|reindexdb|clusterdb|node|npm|npx|tsc|curl|git|strace|pgrep|kill|nmap|iptables)\b[^|;&\n]{0,200}\s-p)\s+)(?![-/.~%$*\d]|(?:from|as|and|or|then|else|end|where|group|order|limit|union|asc|desc|is|in|not|between|like|over|filter|when|on|join|left|inner|having)\b)(?:'[^']*'|"[^"]*"|[^\s'",;)]+)/gi;

/** Words that follow "the password is" or "password:" and are no password. */
const ordinary =
  '(?:not|null|none|required|missing|wrong|invalid|valid|incorrect|correct|expir\\w*|empty|unset|set|stored|hashed|encrypted|hidden|masked|redacted|unknown|unchanged|changed|different|too|an?|the|no|used|needed|optional|distinct|true|false|json|normalized|of|in|on|at|to|for|from|by|as|and|or|being|also|still|only|already|never|always|sent|given|asked|authentication|failed|denied|rejected|accepted|shown|here|there|undefined|weak|short|long|reset|rotated|revoked|your|this|that|it|text|string|varchar|character|scram-sha-256|md5|prompt)(?![\\w-])';
/** Has a letter and a digit, and is no type, alias, parameter, method or time. */
const mixed =
  '(?!(?:int|float|char|bool|serial|utf-?|base|md|sha-?|aes-?|rs|hs|es|v|[a-z]|scram-sha-)\\d{1,3}(?:[^\\w-]|$)|\\d+[a-z]{1,3}(?:\\W|$))(?=[^\\s\'",;()]{0,200}\\d)(?=[^\\s\'",;()]{0,200}[A-Za-z])[\\w!#%^*+~@./:=-]{6,200}(?![\\w(])';
const passwordWord = '(?:passw(?:or)?d|passphrase|passcode|pwd)';
const secretWord = `(?:${passwordWord}|pw|secret|token|(?:api|access|secret|private|auth)[_ -]?key)`;
/** `the password of app is x`, `password: x` */
const saidPassword = new RegExp(
  `(\\b(?:[\\w-]{0,64}[_-])?${passwordWord}s?(?: (?:of|for) \\S{1,64})?(?:[ \\t]+(?:is|was)(?: now)?[ \\t]+|[ \\t]*(?::[ \\t]+|->?>[ \\t]*)))(?![*$?:]|${ordinary})(?:'[^']*'|"[^"]*"|[^\\s'",;)(]+(?![\\w(]))`,
  'gi',
);
/** `secret s3cr3t`, `token is abc123` */
const saidSecret = new RegExp(
  `(\\b(?:[\\w-]{0,64}[_-])?${secretWord}s?(?:[ \\t]*:|[ \\t]+(?:is|was))?[ \\t]+)${mixed}`,
  'gi',
);

/** Beside SQL whose literals are masked: none of them is a statement's own words. */
export const secretForms: readonly SecretForm[] = [
  [knownTokens, '***'],
  [verifiers, '$1***'],
  [webhooks, '$1***'],
  [urlParameters, '$1***'],
  [namedKeys, '$1***'],
  [headers, '$1***'],
  [jsonMembers, '$1"***"'],
  [codeMembers, "$1'***'"],
  [passfileLine, '$1***'],
  [identifiedBy, '$1***'],
  [oracleLogin, '$1***'],
  [commands, '$1***'],
];

/** In comments, literals and messages, where a name and a word may be a sentence. */
export const proseForms: readonly SecretForm[] = [
  [longFlags, '$1***'],
  [shortFlag, '$1***'],
  [saidPassword, '$1***'],
  [saidSecret, '$1***'],
];
