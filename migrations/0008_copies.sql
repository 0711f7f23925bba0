-- Copies of archived records that say more than the ones before: a record may come
-- cut off, or without its details, and later in full. All copies are evidence and
-- stay; the newest is the fullest.
CREATE TABLE event_copy (
  id          INTEGER PRIMARY KEY,
  source      TEXT NOT NULL,
  event_id    TEXT NOT NULL,      -- as in event, whose row is the first copy
  copy        INTEGER NOT NULL,   -- 2, 3, ...
  run_id      INTEGER REFERENCES run,
  file_id     INTEGER REFERENCES audit_file,
  line        INTEGER,
  at          INTEGER NOT NULL,
  activity    TEXT NOT NULL,
  correlation TEXT NOT NULL,
  target      TEXT NOT NULL,
  raw         TEXT NOT NULL,
  salt        BLOB DEFAULT (randomblob(16)),
  UNIQUE (source, event_id, copy)
) STRICT;
CREATE INDEX event_copy_at ON event_copy (at);
CREATE INDEX event_copy_target ON event_copy (target) WHERE target <> '';

CREATE TRIGGER event_copy_written_once BEFORE UPDATE ON event_copy
BEGIN SELECT RAISE(ABORT, 'event_copy is append-only'); END;
CREATE TRIGGER event_copy_kept BEFORE DELETE ON event_copy
BEGIN SELECT RAISE(ABORT, 'event_copy is append-only'); END;

DROP VIEW events;
-- The audit records that are archived, as Microsoft wrote them, and from where:
-- of each its fullest copy.
CREATE VIEW events AS
SELECT e.source, e.event_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.at / 1000.0, 'unixepoch') AS at, e.activity,
  e.correlation AS correlation_id, e.target AS target_id, e.run_id AS run, f.name AS file, f.member, f.sha256, e.line, e.raw, e.copy
FROM (SELECT source, event_id, 1 AS copy, run_id, file_id, line, at, activity, correlation, target, raw FROM event
  UNION ALL SELECT source, event_id, copy, run_id, file_id, line, at, activity, correlation, target, raw FROM event_copy) e
LEFT JOIN audit_file f ON f.id = e.file_id
WHERE NOT EXISTS (SELECT 1 FROM event_copy c WHERE c.source = e.source AND c.event_id = e.event_id AND c.copy > e.copy);
