-- The chain: every transaction that adds to the history ends with a seal over
-- the rows that it wrote and over the seal before.

CREATE TABLE seal (
  id      INTEGER PRIMARY KEY,     -- 1, 2, 3, ... without a gap
  at      INTEGER NOT NULL,        -- our clock
  kind    TEXT NOT NULL,           -- begin, end, import, evidence, names, forget, prune
  run_id  INTEGER REFERENCES run,  -- begin and end: of this run
  content TEXT NOT NULL,           -- JSON: digests of the rows by table, the last number of each numbered table, what was done
  head    TEXT NOT NULL            -- SHA-256 over all of this and the head before
) STRICT;
CREATE INDEX seal_run ON seal (run_id);

-- What was erased on purpose, row by row. A row is never taken away: what it
-- said of a person is. Its digest from before keeps the seals verifiable.
CREATE TABLE erased (
  id         INTEGER PRIMARY KEY,
  table_name TEXT NOT NULL,
  row_key    TEXT NOT NULL,        -- the row's primary key, parts joined by /
  before     BLOB NOT NULL,        -- digest of the row as it was
  after      BLOB NOT NULL         -- digest of the row as it is left
) STRICT;
CREATE INDEX erased_row ON erased (table_name, row_key);

-- The key of the pseudonyms in reports: one row, made with the database.
CREATE TABLE pseudonym_key (
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  key BLOB NOT NULL
) STRICT;
INSERT INTO pseudonym_key VALUES (1, randomblob(32));

CREATE TRIGGER seal_written_once BEFORE UPDATE ON seal
BEGIN SELECT RAISE(ABORT, 'seal is append-only'); END;
CREATE TRIGGER seal_kept BEFORE DELETE ON seal
BEGIN SELECT RAISE(ABORT, 'seal is append-only'); END;
CREATE TRIGGER erased_written_once BEFORE UPDATE ON erased
BEGIN SELECT RAISE(ABORT, 'erased is append-only'); END;
CREATE TRIGGER erased_kept BEFORE DELETE ON erased
BEGIN SELECT RAISE(ABORT, 'erased is append-only'); END;
CREATE TRIGGER pseudonym_key_written_once BEFORE UPDATE ON pseudonym_key
BEGIN SELECT RAISE(ABORT, 'pseudonym_key is append-only'); END;
CREATE TRIGGER pseudonym_key_kept BEFORE DELETE ON pseudonym_key
BEGIN SELECT RAISE(ABORT, 'pseudonym_key is append-only'); END;
