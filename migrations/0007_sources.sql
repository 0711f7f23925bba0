-- Stretches of a log that are still to be read. What a run could not finish, the
-- next one takes up here. Work under way, not history: rows go when they are done.
CREATE TABLE audit_plan (
  source  TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  to_at   INTEGER NOT NULL,
  search  TEXT NOT NULL,          -- id of the search that looks for it in the service; '' when none was started
  PRIMARY KEY (source, from_at, to_at)
) STRICT, WITHOUT ROWID;

-- Since when the feed of the Management Activity API is known to have been on.
-- A feed that was found to be off and was turned on again has another row.
CREATE TABLE audit_feed (
  since_at INTEGER PRIMARY KEY,
  run_id   INTEGER NOT NULL REFERENCES run
) STRICT;
CREATE TRIGGER audit_feed_written_once BEFORE UPDATE ON audit_feed
BEGIN SELECT RAISE(ABORT, 'audit_feed is append-only'); END;
CREATE TRIGGER audit_feed_kept BEFORE DELETE ON audit_feed
BEGIN SELECT RAISE(ABORT, 'audit_feed is append-only'); END;
