-- Bodies of calls that somebody asked to see, redacted.
CREATE TABLE body (
  seq            INTEGER PRIMARY KEY,
  call           BLOB NOT NULL UNIQUE,
  at             INTEGER NOT NULL,  -- started_at of the call, Unix microseconds
  bytes          INTEGER NOT NULL,
  request_type   TEXT,
  request_length INTEGER,           -- NULL: there is no request's body; as it was sent, whatever of it is kept
  request_cut    INTEGER NOT NULL,
  request        TEXT,              -- NULL: it is no text
  answer_type    TEXT,
  answer_length  INTEGER,
  answer_cut     INTEGER NOT NULL,
  answer         TEXT
);
-- Age and size are known without reading a body.
CREATE INDEX body_age ON body (at, bytes);
