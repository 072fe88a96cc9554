-- What hashes of keys are made with: 32 bytes of this folder.
CREATE TABLE secret (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
-- Callers' keys that were made here; a revoked one stays, so that its name and its end are known.
CREATE TABLE caller_key (
  name              TEXT PRIMARY KEY,
  tenant            TEXT NOT NULL,
  workspace         TEXT NOT NULL,
  hash              BLOB NOT NULL UNIQUE,  -- keyed BLAKE3; the key itself is nowhere
  ending            TEXT NOT NULL,         -- its last characters, for lists
  old_hash          BLOB,                  -- of the value before, while that still works
  old_until         INTEGER,               -- times: Unix microseconds
  created_at        INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL,
  revoked_at        INTEGER,
  models            TEXT NOT NULL,         -- a pattern a line
  expires_at        INTEGER,
  priority          TEXT NOT NULL,
  calls_per_minute  INTEGER,
  tokens_per_minute INTEGER,
  concurrent        INTEGER,
  limits_shadow     INTEGER NOT NULL,
  day               INTEGER,               -- money: pico-dollars
  month             INTEGER,
  soft              REAL NOT NULL,
  budget_shadow     INTEGER NOT NULL
) WITHOUT ROWID;
-- What administrators did, and who was kept from it.
CREATE TABLE audit (
  id     INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL                     -- JSON, without secrets
);
