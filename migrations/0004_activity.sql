-- When users were last active, as sign-ins and usage reports tell it. Active
-- times are stretches: a week in which a user goes on being active moves the
-- end of one, and adds no row.

-- The sources, by the number under which activity_told adds them up.
CREATE TABLE activity_source (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO activity_source (id, name) VALUES
  (1, 'sign-ins'), (2, 'active-users'), (4, 'apps'), (8, 'project-activations'), (16, 'visio-activations'), (32, 'copilot');

-- What users do.
CREATE TABLE activity_kind (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO activity_kind (id, name) VALUES
  (1, 'sign-in'), (2, 'interactive-sign-in-attempt'), (3, 'non-interactive-sign-in-attempt'),
  (4, 'exchange'), (5, 'onedrive'), (6, 'sharepoint'), (7, 'skype'), (8, 'yammer'), (9, 'teams'),
  (10, 'apps'), (11, 'project-activation'), (12, 'visio-activation'), (13, 'copilot');

-- How a run read a source.
CREATE TABLE activity_read (
  run_id    INTEGER NOT NULL REFERENCES run,
  source_id INTEGER NOT NULL REFERENCES activity_source,
  gap       TEXT NOT NULL,          -- why it tells nothing; '' when it was read
  since_at  INTEGER,                -- what happened earlier is not in it
  until_at  INTEGER,                -- what happened later is not in it
  users     INTEGER NOT NULL,       -- of whom it tells
  PRIMARY KEY (run_id, source_id)
) STRICT, WITHOUT ROWID;

-- Which sources tell of a user, be it that nothing was done.
CREATE TABLE activity_told (
  user_id  INTEGER NOT NULL REFERENCES user,
  from_run INTEGER NOT NULL REFERENCES run,
  to_run   INTEGER REFERENCES run,
  sources  INTEGER NOT NULL,        -- the sum of activity_source.id
  PRIMARY KEY (user_id, from_run)
) STRICT, WITHOUT ROWID;

-- A time in which runs saw a user active without a pause of over 30 days.
CREATE TABLE active_time (
  user_id  INTEGER NOT NULL REFERENCES user,
  kind_id  INTEGER NOT NULL REFERENCES activity_kind,
  from_at  INTEGER NOT NULL,        -- the first time seen
  last_at  INTEGER NOT NULL,        -- the newest; it only moves later
  from_run INTEGER NOT NULL REFERENCES run, -- the run that first saw it
  PRIMARY KEY (user_id, kind_id, from_at)
) STRICT, WITHOUT ROWID;

-- When users were active, as far as runs saw it, and what they did.
CREATE VIEW active_times AS
SELECT u.user_id, u.upn, k.name AS kind,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.from_at / 1000, 'unixepoch') AS from_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.last_at / 1000, 'unixepoch') AS last_at, a.from_run
FROM active_time a
JOIN activity_kind k ON k.id = a.kind_id
JOIN users u ON u.user_key = a.user_id;

-- Which sources of activity each run read, and why not (gap).
CREATE VIEW activity_reads AS
SELECT r.run_id AS run, s.name AS source, nullif(r.gap, '') AS gap,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.since_at / 1000, 'unixepoch') AS since_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.until_at / 1000, 'unixepoch') AS until_at, r.users
FROM activity_read r
JOIN activity_source s ON s.id = r.source_id;

CREATE TRIGGER activity_read_written_once BEFORE UPDATE ON activity_read
BEGIN SELECT RAISE(ABORT, 'activity_read is append-only'); END;
CREATE TRIGGER activity_read_kept BEFORE DELETE ON activity_read
BEGIN SELECT RAISE(ABORT, 'activity_read is append-only'); END;
CREATE TRIGGER activity_told_written_once BEFORE UPDATE OF user_id, from_run, sources ON activity_told
BEGIN SELECT RAISE(ABORT, 'activity_told is append-only'); END;
CREATE TRIGGER activity_told_ended_once BEFORE UPDATE OF to_run ON activity_told WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'activity_told is append-only'); END;
CREATE TRIGGER activity_told_kept BEFORE DELETE ON activity_told
BEGIN SELECT RAISE(ABORT, 'activity_told is append-only'); END;
CREATE TRIGGER active_time_written_once BEFORE UPDATE OF user_id, kind_id, from_at, from_run ON active_time
BEGIN SELECT RAISE(ABORT, 'active_time is append-only'); END;
CREATE TRIGGER active_time_only_grows BEFORE UPDATE OF last_at ON active_time WHEN NEW.last_at < OLD.last_at
BEGIN SELECT RAISE(ABORT, 'active_time is append-only: last_at only moves later'); END;
CREATE TRIGGER active_time_kept BEFORE DELETE ON active_time
BEGIN SELECT RAISE(ABORT, 'active_time is append-only'); END;
CREATE TRIGGER activity_source_written_once BEFORE UPDATE ON activity_source
BEGIN SELECT RAISE(ABORT, 'activity_source is append-only'); END;
CREATE TRIGGER activity_source_kept BEFORE DELETE ON activity_source
BEGIN SELECT RAISE(ABORT, 'activity_source is append-only'); END;
CREATE TRIGGER activity_kind_written_once BEFORE UPDATE ON activity_kind
BEGIN SELECT RAISE(ABORT, 'activity_kind is append-only'); END;
CREATE TRIGGER activity_kind_kept BEFORE DELETE ON activity_kind
BEGIN SELECT RAISE(ABORT, 'activity_kind is append-only'); END;
