-- Records as they come: one row a commit, merged into segments later.
CREATE TABLE tail (
  seq        INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,  -- the sums it is counted in; those up to meta.rolled are in rollup
  n          INTEGER NOT NULL,
  id_min     BLOB NOT NULL,
  id_max     BLOB NOT NULL,
  t_min      INTEGER NOT NULL,  -- started_at, Unix microseconds
  t_max      INTEGER NOT NULL,
  crc        INTEGER NOT NULL,
  data       BLOB NOT NULL
);
-- Sealed records, sorted by id.
CREATE TABLE segment (
  id         INTEGER PRIMARY KEY,
  n          INTEGER NOT NULL,
  generation INTEGER NOT NULL,  -- as in tail
  id_min     BLOB NOT NULL,
  id_max     BLOB NOT NULL,
  t_min      INTEGER NOT NULL,
  t_max      INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  zone       BLOB NOT NULL
);
CREATE INDEX segment_ids ON segment (id_max DESC, id_min);
CREATE INDEX segment_generations ON segment (generation);
-- key = segment * 128 + column; + 64 for the column's Bloom filter.
CREATE TABLE segment_column (
  key  INTEGER PRIMARY KEY,
  crc  INTEGER NOT NULL,
  data BLOB NOT NULL
);
-- What was learned of a call after its end.
CREATE TABLE patch (
  call   BLOB PRIMARY KEY,
  cost   INTEGER,
  source TEXT NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;
-- Sums; level 0 minute, 1 hour, 2 day, 3 week; facet 0 served, 1 tenant, 2 role, 3 task; bucket: its start, Unix seconds.
CREATE TABLE rollup (
  level  INTEGER NOT NULL,
  facet  INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  data   BLOB NOT NULL,
  UNIQUE (level, facet, bucket)
);
-- What each caller has used, as of the last commit.
CREATE TABLE account (
  tenant    TEXT NOT NULL,
  workspace TEXT NOT NULL,
  key       TEXT NOT NULL,
  calls     INTEGER NOT NULL,
  input     INTEGER NOT NULL,
  output    INTEGER NOT NULL,
  cost      INTEGER NOT NULL,
  PRIMARY KEY (tenant, workspace, key)
) WITHOUT ROWID;
-- Records that were given up.
CREATE TABLE gap (
  at INTEGER PRIMARY KEY,
  n  INTEGER NOT NULL
);
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
