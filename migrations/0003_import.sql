-- What is known of the time before the first run: from events that were
-- archived, and from earlier records, which are somebody's word. Both are kept
-- apart from what runs have seen, and can only move a first-assigned date to an
-- earlier time.

-- What archived events tell of a SKU that a user held before the first run.
CREATE TABLE event_evidence (
  id       INTEGER PRIMARY KEY,
  user_id  INTEGER NOT NULL REFERENCES user,
  sku_id   INTEGER NOT NULL REFERENCES sku,
  exact    INTEGER NOT NULL,      -- 1: assigned at this time, and held from then up to the first run; 0: held at this time
  at       INTEGER NOT NULL,
  run_id   INTEGER NOT NULL REFERENCES run, -- the newest run when it was found
  source   TEXT NOT NULL,         -- the event: event.source and event.event_id
  event_id TEXT NOT NULL,
  UNIQUE (user_id, sku_id, exact, at)
) STRICT;

-- A file of earlier records from which at least one was taken.
CREATE TABLE import_file (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,      -- without the folder
  sha256      TEXT NOT NULL UNIQUE, -- of its bytes
  imported_at INTEGER NOT NULL,   -- our clock; when the first record was taken
  version     TEXT NOT NULL       -- of the program
) STRICT;

-- One earlier record. Its dates are as precise as the file gave them: a day, or
-- a time in UTC.
CREATE TABLE import_record (
  id          INTEGER PRIMARY KEY,
  file_id     INTEGER NOT NULL REFERENCES import_file,
  line        INTEGER NOT NULL,
  entry       INTEGER NOT NULL,   -- from 1, where a line lists several SKUs
  user_id     INTEGER NOT NULL REFERENCES user,
  sku         TEXT NOT NULL,      -- object id; the tenant may no longer have it
  assigned    TEXT,               -- assigned on or before
  seen        TEXT,               -- held on; set when assigned is not known
  removed     TEXT,               -- no longer held from then on
  path        TEXT NOT NULL,      -- as the file has it
  note        TEXT NOT NULL,      -- as the file has it
  imported_at INTEGER NOT NULL,
  salt        BLOB DEFAULT (randomblob(16)), -- goes with what is erased: the digest that stays then proves nothing
  UNIQUE (file_id, line, entry),
  CHECK (assigned IS NOT NULL OR seen IS NOT NULL)
) STRICT;
CREATE INDEX import_record_user ON import_record (user_id);

CREATE TRIGGER event_evidence_written_once BEFORE UPDATE ON event_evidence
BEGIN SELECT RAISE(ABORT, 'event_evidence is append-only'); END;
CREATE TRIGGER event_evidence_kept BEFORE DELETE ON event_evidence
BEGIN SELECT RAISE(ABORT, 'event_evidence is append-only'); END;
CREATE TRIGGER import_file_written_once BEFORE UPDATE ON import_file
BEGIN SELECT RAISE(ABORT, 'import_file is append-only'); END;
CREATE TRIGGER import_file_kept BEFORE DELETE ON import_file
BEGIN SELECT RAISE(ABORT, 'import_file is append-only'); END;
CREATE TRIGGER import_record_written_once BEFORE UPDATE ON import_record
BEGIN SELECT RAISE(ABORT, 'import_record is append-only'); END;
CREATE TRIGGER import_record_kept BEFORE DELETE ON import_record
BEGIN SELECT RAISE(ABORT, 'import_record is append-only'); END;

-- Earlier records that were imported, with the file and line of each.
CREATE VIEW imports AS
SELECT u.user_id, u.upn, r.sku AS sku_id,
  coalesce((SELECT part_number FROM sku WHERE object_id = r.sku), '') AS part_number,
  r.assigned, r.seen, r.removed, r.path, r.note, f.name AS file, f.sha256, r.line, r.entry,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.imported_at / 1000, 'unixepoch') AS imported_at
FROM import_record r
JOIN import_file f ON f.id = r.file_id
JOIN users u ON u.user_key = r.user_id;
