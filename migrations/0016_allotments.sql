-- What the cloud licensing API shows (sync --cloud-licensing): which subscription a
-- license draws on. A list that a run could not read stays as it was.

-- Pools of licenses that subscriptions back. '': the API did not name the pool.
CREATE TABLE allotment (
  id        INTEGER PRIMARY KEY,
  object_id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE allotment_version (
  allotment_id  INTEGER NOT NULL REFERENCES allotment,
  from_run      INTEGER NOT NULL REFERENCES run,
  to_run        INTEGER REFERENCES run,
  sku_id        INTEGER REFERENCES sku, -- NULL: not told
  part_number   TEXT NOT NULL,
  allotted      INTEGER,                -- NULL: not told
  consumed      INTEGER,
  assignable_to TEXT NOT NULL,
  subscriptions TEXT NOT NULL,          -- JSON: [{"id","state","started_at","next_lifecycle_at","trial"}]
  PRIMARY KEY (allotment_id, from_run)
) STRICT, WITHOUT ROWID;

-- To what licenses of an allotment are assigned. The members of a group are not listed.
CREATE TABLE allotment_holder (
  allotment_id INTEGER NOT NULL REFERENCES allotment,
  kind         TEXT NOT NULL CHECK (kind IN ('user', 'group', 'device', 'other')),
  holder       ANY NOT NULL,            -- user: user.id; group and device: Microsoft's id; other: ''
  from_run     INTEGER NOT NULL REFERENCES run,
  to_run       INTEGER REFERENCES run,
  PRIMARY KEY (allotment_id, kind, holder, from_run)
) STRICT, WITHOUT ROWID;

-- Who waits for a license of an allotment that has none left.
CREATE TABLE allotment_waiting (
  allotment_id INTEGER NOT NULL REFERENCES allotment,
  kind         TEXT NOT NULL CHECK (kind IN ('user', 'group', 'device', 'other')),
  holder       ANY NOT NULL,
  from_run     INTEGER NOT NULL REFERENCES run,
  to_run       INTEGER REFERENCES run,
  since        INTEGER,                 -- NULL: not told
  PRIMARY KEY (allotment_id, kind, holder, from_run)
) STRICT, WITHOUT ROWID;

-- Why assignments did not take effect. Microsoft's id of an error is not kept: it is
-- opaque, and may hold that of a person.
CREATE TABLE assignment_error (
  kind     TEXT NOT NULL CHECK (kind IN ('user', 'group', 'device', 'other')),
  holder   ANY NOT NULL,
  sku_id   INTEGER NOT NULL,            -- sku.id; 0: not told
  code     TEXT NOT NULL,
  from_run INTEGER NOT NULL REFERENCES run,
  to_run   INTEGER REFERENCES run,
  message  TEXT NOT NULL,
  at       INTEGER,                     -- when it last occurred; NULL: not told
  PRIMARY KEY (kind, holder, sku_id, code, from_run)
) STRICT, WITHOUT ROWID;

-- How runs that were to read the API read each of its lists.
CREATE TABLE licensing_read (
  run_id INTEGER NOT NULL REFERENCES run,
  part   TEXT NOT NULL,
  gap    TEXT NOT NULL,                 -- '': it was read
  PRIMARY KEY (run_id, part)
) STRICT, WITHOUT ROWID;

-- The allotments of licenses, with the subscriptions (JSON) that back each (to_run NULL: now).
CREATE VIEW allotments AS
SELECT a.object_id AS allotment_id, s.object_id AS sku_id, v.part_number, v.allotted, v.consumed, v.assignable_to, v.subscriptions, v.from_run, v.to_run
FROM allotment_version v
JOIN allotment a ON a.id = v.allotment_id
LEFT JOIN sku s ON s.id = v.sku_id;

-- To what licenses of an allotment are assigned: user, group or device (to_run NULL: now).
CREATE VIEW allotment_holders AS
SELECT a.object_id AS allotment_id, h.kind, coalesce(u.user_id, h.holder) AS holder_id, u.upn, h.from_run, h.to_run
FROM allotment_holder h
JOIN allotment a ON a.id = h.allotment_id
LEFT JOIN users u ON h.kind = 'user' AND u.user_key = h.holder;

-- Who waits for a license of an allotment, and since when (to_run NULL: now).
CREATE VIEW waiting_members AS
SELECT a.object_id AS allotment_id, w.kind, coalesce(u.user_id, w.holder) AS holder_id, u.upn,
  strftime('%Y-%m-%dT%H:%M:%SZ', w.since / 1000, 'unixepoch') AS since, w.from_run, w.to_run
FROM allotment_waiting w
JOIN allotment a ON a.id = w.allotment_id
LEFT JOIN users u ON w.kind = 'user' AND u.user_key = w.holder;

-- Assignments that did not take effect, and when that last occurred (to_run NULL: now).
CREATE VIEW assignment_errors AS
SELECT e.kind, coalesce(u.user_id, e.holder) AS holder_id, u.upn, s.object_id AS sku_id, s.part_number, e.code, e.message,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.at / 1000, 'unixepoch') AS at, e.from_run, e.to_run
FROM assignment_error e
LEFT JOIN sku s ON s.id = e.sku_id
LEFT JOIN users u ON e.kind = 'user' AND u.user_key = e.holder;

CREATE TRIGGER allotment_written_once BEFORE UPDATE ON allotment
BEGIN SELECT RAISE(ABORT, 'allotment is append-only'); END;
CREATE TRIGGER allotment_kept BEFORE DELETE ON allotment
BEGIN SELECT RAISE(ABORT, 'allotment is append-only'); END;
CREATE TRIGGER allotment_version_written_once BEFORE UPDATE OF allotment_id, from_run, sku_id, part_number, allotted, consumed, assignable_to, subscriptions ON allotment_version
BEGIN SELECT RAISE(ABORT, 'allotment_version is append-only'); END;
CREATE TRIGGER allotment_version_ended_once BEFORE UPDATE OF to_run ON allotment_version WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'allotment_version is append-only'); END;
CREATE TRIGGER allotment_version_kept BEFORE DELETE ON allotment_version
BEGIN SELECT RAISE(ABORT, 'allotment_version is append-only'); END;
CREATE TRIGGER allotment_holder_written_once BEFORE UPDATE OF allotment_id, kind, holder, from_run ON allotment_holder
BEGIN SELECT RAISE(ABORT, 'allotment_holder is append-only'); END;
CREATE TRIGGER allotment_holder_ended_once BEFORE UPDATE OF to_run ON allotment_holder WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'allotment_holder is append-only'); END;
CREATE TRIGGER allotment_holder_kept BEFORE DELETE ON allotment_holder
BEGIN SELECT RAISE(ABORT, 'allotment_holder is append-only'); END;
CREATE TRIGGER allotment_waiting_written_once BEFORE UPDATE OF allotment_id, kind, holder, from_run, since ON allotment_waiting
BEGIN SELECT RAISE(ABORT, 'allotment_waiting is append-only'); END;
CREATE TRIGGER allotment_waiting_ended_once BEFORE UPDATE OF to_run ON allotment_waiting WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'allotment_waiting is append-only'); END;
CREATE TRIGGER allotment_waiting_kept BEFORE DELETE ON allotment_waiting
BEGIN SELECT RAISE(ABORT, 'allotment_waiting is append-only'); END;
CREATE TRIGGER assignment_error_written_once BEFORE UPDATE OF kind, holder, sku_id, code, from_run, message, at ON assignment_error
BEGIN SELECT RAISE(ABORT, 'assignment_error is append-only'); END;
CREATE TRIGGER assignment_error_ended_once BEFORE UPDATE OF to_run ON assignment_error WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'assignment_error is append-only'); END;
CREATE TRIGGER assignment_error_kept BEFORE DELETE ON assignment_error
BEGIN SELECT RAISE(ABORT, 'assignment_error is append-only'); END;
CREATE TRIGGER licensing_read_written_once BEFORE UPDATE ON licensing_read
BEGIN SELECT RAISE(ABORT, 'licensing_read is append-only'); END;
CREATE TRIGGER licensing_read_kept BEFORE DELETE ON licensing_read
BEGIN SELECT RAISE(ABORT, 'licensing_read is append-only'); END;
