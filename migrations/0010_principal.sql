-- Applications that the audit log names as actors: whose they are. A row is added
-- when one is met that could not be read (wanted), and when the directory has
-- answered (read, missing); each is asked about until it has.
CREATE TABLE principal (
  id        INTEGER PRIMARY KEY,
  object_id TEXT NOT NULL,                    -- of the service principal
  run_id    INTEGER NOT NULL REFERENCES run,  -- that met it, or read it
  state     TEXT NOT NULL CHECK (state IN ('wanted', 'read', 'missing')),
  seen_at   INTEGER NOT NULL,                 -- time of the earliest record by it that the run had at hand
  app_id    TEXT NOT NULL,                    -- of the application; '' when not known
  owner     TEXT NOT NULL,                    -- tenant in which the application is registered; '' when none is shown
  name      TEXT NOT NULL,
  UNIQUE (object_id, state, seen_at)
) STRICT;
CREATE TRIGGER principal_written_once BEFORE UPDATE ON principal
BEGIN SELECT RAISE(ABORT, 'principal is append-only'); END;
CREATE TRIGGER principal_kept BEFORE DELETE ON principal
BEGIN SELECT RAISE(ABORT, 'principal is append-only'); END;
