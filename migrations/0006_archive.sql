-- The archive of audit records takes in files too: exports of logs that reach
-- further back than what a run can read.

-- A file, or one inside an archive, from which at least one record was taken.
CREATE TABLE audit_file (
  id          INTEGER PRIMARY KEY,
  sha256      TEXT NOT NULL,      -- of its bytes; of the whole archive where it was in one
  member      TEXT NOT NULL,      -- its name inside the archive, '' where it was in none
  name        TEXT NOT NULL,      -- without the folder
  imported_at INTEGER NOT NULL,   -- our clock; when the first record was taken
  version     TEXT NOT NULL,      -- of the program
  UNIQUE (sha256, member)
) STRICT;

-- Where a record came from: a run, or the line of a file.
ALTER TABLE event ADD COLUMN file_id INTEGER REFERENCES audit_file;
ALTER TABLE event ADD COLUMN line INTEGER;
-- The file that a stretch is about; NULL for what a run asked for.
ALTER TABLE coverage ADD COLUMN file_id INTEGER REFERENCES audit_file;

CREATE TRIGGER audit_file_written_once BEFORE UPDATE ON audit_file
BEGIN SELECT RAISE(ABORT, 'audit_file is append-only'); END;
CREATE TRIGGER audit_file_kept BEFORE DELETE ON audit_file
BEGIN SELECT RAISE(ABORT, 'audit_file is append-only'); END;

-- The audit records that are archived, as Microsoft wrote them, and from where.
CREATE VIEW events AS
SELECT e.source, e.event_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.at / 1000.0, 'unixepoch') AS at, e.activity,
  e.correlation AS correlation_id, e.target AS target_id, e.run_id AS run, f.name AS file, f.member, f.sha256, e.line, e.raw
FROM event e LEFT JOIN audit_file f ON f.id = e.file_id;
