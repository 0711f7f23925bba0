-- The history of one tenant's license assignments.
--
-- Tables have singular names and are the store's own: ids are small integers,
-- times are milliseconds since 1970-01-01 UTC. Views have plural names, carry
-- Microsoft's ids, names and RFC 3339 times, and are what queries should use.
--
-- A row with from_run and to_run was true in every complete run from from_run
-- up to, not including, to_run; to_run is NULL while it is true. Rows are
-- written once: a trigger lets to_run be set, once, and nothing else change.

-- Who the database is about: one row.
CREATE TABLE tenant (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  object_id TEXT NOT NULL,
  name      TEXT NOT NULL
) STRICT;

-- Every execution of sync that reached the tenant. Only complete runs are
-- history; the others are kept as a record that they were tried.
CREATE TABLE run (
  id             INTEGER PRIMARY KEY,
  status         TEXT NOT NULL CHECK (status IN ('complete', 'incomplete', 'failed')),
  started_at     INTEGER NOT NULL, -- our clock
  ended_at       INTEGER,          -- our clock; NULL: the run was cut off
  previous_run   INTEGER REFERENCES run, -- the complete run it was compared with
  observed_at    INTEGER,          -- Date header of the first users page
  observed_until INTEGER,          -- Date header of the last users page
  users          INTEGER,
  licensed_users INTEGER,
  assignments    INTEGER,
  changes        INTEGER,
  requests       INTEGER,
  warnings       TEXT NOT NULL DEFAULT '[]', -- JSON: [{"code","message"}]
  error          TEXT,             -- why it is not complete
  head           TEXT,             -- hash at the end of the chain of runs, when this one had ended
  version        TEXT NOT NULL     -- of the program
) STRICT;

CREATE TABLE user (
  id          INTEGER PRIMARY KEY,
  object_id   ANY NOT NULL,        -- 16 bytes for a GUID, else text
  fingerprint INTEGER NOT NULL     -- of the newest state: a shortcut for comparing, never evidence
) STRICT;
CREATE UNIQUE INDEX user_object_id ON user (object_id);

-- Attributes that many users share, each combination stored once.
CREATE TABLE profile (
  id         INTEGER PRIMARY KEY,
  department TEXT NOT NULL,
  more       TEXT NOT NULL,        -- JSON: the other attributes that are set
  UNIQUE (department, more)
) STRICT;

-- What a user was called and where they belonged.
CREATE TABLE user_version (
  user_id     INTEGER NOT NULL REFERENCES user,
  from_run    INTEGER NOT NULL REFERENCES run,
  to_run      INTEGER REFERENCES run,
  presence    TEXT CHECK (presence IN ('deleted', 'gone')), -- NULL: present
  deleted_at  INTEGER,
  upn         TEXT NOT NULL,
  name        TEXT NOT NULL,
  mail        TEXT,                -- NULL: same as upn
  employee_id TEXT,                -- NULL: none
  created_at  INTEGER,             -- when the account was made
  profile_id  INTEGER NOT NULL REFERENCES profile,
  PRIMARY KEY (user_id, from_run)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_version_upn ON user_version (upn COLLATE NOCASE);
CREATE INDEX user_version_mail ON user_version (mail COLLATE NOCASE) WHERE mail IS NOT NULL AND mail <> '';

CREATE TABLE sku (
  id          INTEGER PRIMARY KEY,
  object_id   TEXT NOT NULL UNIQUE,
  part_number TEXT NOT NULL       -- the newest one seen: names outlive the SKU in Graph
) STRICT;

-- What subscribedSkus said of a SKU.
CREATE TABLE sku_version (
  sku_id        INTEGER NOT NULL REFERENCES sku,
  from_run      INTEGER NOT NULL REFERENCES run,
  to_run        INTEGER REFERENCES run,
  part_number   TEXT NOT NULL,
  applies_to    TEXT NOT NULL,
  status        TEXT NOT NULL,
  enabled       INTEGER NOT NULL,
  warning       INTEGER NOT NULL,
  suspended     INTEGER NOT NULL,
  locked_out    INTEGER NOT NULL,
  consumed      INTEGER NOT NULL, -- Microsoft's count of holders
  assigned      INTEGER NOT NULL, -- ours
  subscriptions TEXT NOT NULL,    -- JSON array of subscription ids
  PRIMARY KEY (sku_id, from_run)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
  id        INTEGER PRIMARY KEY,
  object_id TEXT NOT NULL UNIQUE,
  name      TEXT NOT NULL         -- '' while no SKU has named it
) STRICT;

-- Which service plans a SKU contained.
CREATE TABLE sku_plan (
  sku_id   INTEGER NOT NULL REFERENCES sku,
  plan_id  INTEGER NOT NULL REFERENCES plan,
  from_run INTEGER NOT NULL REFERENCES run,
  to_run   INTEGER REFERENCES run,
  PRIMARY KEY (sku_id, plan_id, from_run)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription_version (
  subscription_id   TEXT NOT NULL,
  from_run          INTEGER NOT NULL REFERENCES run,
  to_run            INTEGER REFERENCES run,
  sku_id            INTEGER NOT NULL REFERENCES sku,
  status            TEXT NOT NULL,
  total             INTEGER NOT NULL,
  trial             INTEGER NOT NULL,
  created_at        INTEGER,
  next_lifecycle_at INTEGER,
  owner_tenant      TEXT NOT NULL,
  PRIMARY KEY (subscription_id, from_run)
) STRICT, WITHOUT ROWID;

CREATE TABLE licensed_group (
  id        INTEGER PRIMARY KEY CHECK (id > 0),
  object_id TEXT NOT NULL UNIQUE
) STRICT;

-- What a group that gives licenses was, and which it gave.
CREATE TABLE group_version (
  group_id         INTEGER NOT NULL REFERENCES licensed_group,
  from_run         INTEGER NOT NULL REFERENCES run,
  to_run           INTEGER REFERENCES run,
  name             TEXT NOT NULL,
  gone             INTEGER NOT NULL,
  dynamic          INTEGER NOT NULL,
  membership_rule  TEXT NOT NULL,
  processing_state TEXT NOT NULL,
  on_premises_sync INTEGER NOT NULL,
  licenses         TEXT NOT NULL, -- JSON: [{"sku","disabled":[plan ids]}]
  PRIMARY KEY (group_id, from_run)
) STRICT, WITHOUT ROWID;

-- Sets of service plans that were switched off together, each stored once.
CREATE TABLE plan_set (
  id      INTEGER PRIMARY KEY,
  members TEXT NOT NULL UNIQUE    -- JSON array of plan GUIDs, sorted
) STRICT;

-- One way in which a user held, or was meant to hold, a SKU.
CREATE TABLE path (
  user_id     INTEGER NOT NULL REFERENCES user,
  sku_id      INTEGER NOT NULL REFERENCES sku,
  group_id    INTEGER NOT NULL,   -- 0: direct; -1: not told; else licensed_group.id
  from_run    INTEGER NOT NULL REFERENCES run,
  to_run      INTEGER REFERENCES run,
  held        INTEGER NOT NULL,   -- 0: an intent that failed, never a license
  state       TEXT,               -- NULL: Active
  error       TEXT,               -- NULL: none
  disabled_id INTEGER REFERENCES plan_set, -- NULL: nothing switched off
  state_at    INTEGER,            -- Microsoft's lastUpdatedDateTime
  path_run    INTEGER,            -- the run that first showed this path held without a break
  start_run   INTEGER,            -- the run that first showed the current period of the SKU
  period      INTEGER,            -- 1 for the first period of user and SKU; NULL: not held
  PRIMARY KEY (user_id, sku_id, group_id, from_run)
) STRICT, WITHOUT ROWID;

-- Patterns of assignedPlans, each stored once. Users with the same SKUs share
-- one; only the dates are a user's own.
CREATE TABLE plan_layout (
  id      INTEGER PRIMARY KEY,
  hash    BLOB NOT NULL UNIQUE,   -- SHA-256 of members
  members TEXT NOT NULL           -- JSON: [[plan.id, status, number of the user's date, from 0], ...]
) STRICT;

-- A user's assignedPlans: a pattern and the dates that go with it.
CREATE TABLE user_plans (
  user_id   INTEGER NOT NULL REFERENCES user,
  from_run  INTEGER NOT NULL REFERENCES run,
  to_run    INTEGER REFERENCES run,
  layout_id INTEGER NOT NULL REFERENCES plan_layout,
  date_0    INTEGER,              -- NULL: the layout has no such date, or Microsoft gave none
  date_1    INTEGER,
  date_2    INTEGER,
  dates     TEXT,                 -- JSON: the fourth date and those after it; NULL: none
  PRIMARY KEY (user_id, from_run)
) STRICT, WITHOUT ROWID;

-- Evidence that a user held a SKU earlier than the first run could see.
CREATE TABLE first_evidence (
  user_id INTEGER NOT NULL REFERENCES user,
  sku_id  INTEGER NOT NULL REFERENCES sku,
  run_id  INTEGER NOT NULL REFERENCES run,
  basis   TEXT NOT NULL,
  at      INTEGER NOT NULL,       -- the SKU was held at this time
  PRIMARY KEY (user_id, sku_id, run_id, basis)
) STRICT, WITHOUT ROWID;

-- What differed between two consecutive complete runs.
CREATE TABLE change (
  id            INTEGER PRIMARY KEY,
  run_id        INTEGER NOT NULL REFERENCES run,
  kind          TEXT NOT NULL,
  observed      INTEGER NOT NULL, -- 0: only the audit log saw it
  user_id       INTEGER REFERENCES user,
  sku_id        INTEGER REFERENCES sku,
  group_id      INTEGER,          -- path: as in table path; NULL: the change has none
  from_group_id INTEGER,          -- path-moved: the path before
  not_before    INTEGER,
  not_after     INTEGER NOT NULL,
  detail        TEXT NOT NULL     -- JSON: plans, state, units, presence, affected
) STRICT;
CREATE INDEX change_user ON change (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX change_run ON change (run_id);

-- Why a change happened. A later revision corrects an earlier one and both stay.
CREATE TABLE attribution (
  id          INTEGER PRIMARY KEY,
  change_id   INTEGER NOT NULL REFERENCES change,
  revision    INTEGER NOT NULL,
  run_id      INTEGER NOT NULL REFERENCES run, -- the run that came to this result
  cause       TEXT NOT NULL,
  initiator   TEXT NOT NULL,
  confidence  TEXT NOT NULL,
  unknown_why TEXT,
  at          INTEGER,            -- the exact time, where an event gives it
  reason      TEXT NOT NULL,
  detail      TEXT NOT NULL,      -- JSON: actor, via, evidence
  salt        BLOB DEFAULT (randomblob(16)), -- goes with what is erased: the digest that stays then proves nothing
  UNIQUE (change_id, revision)
) STRICT;

CREATE INDEX attribution_actor ON attribution (detail ->> '$.actor.id') WHERE detail ->> '$.actor.id' IS NOT NULL;

-- Audit records as Microsoft wrote them, kept for good.
CREATE TABLE event (
  id          INTEGER PRIMARY KEY,
  source      TEXT NOT NULL,
  event_id    TEXT NOT NULL,
  run_id      INTEGER REFERENCES run, -- the run that fetched it
  at          INTEGER NOT NULL,
  activity    TEXT NOT NULL,
  correlation TEXT NOT NULL,
  target      TEXT NOT NULL,      -- object id of the user it is about; '' when none
  raw         TEXT NOT NULL,      -- '': erased, by prune or forget
  salt        BLOB DEFAULT (randomblob(16)), -- as in attribution
  UNIQUE (source, event_id)
) STRICT;
CREATE INDEX event_at ON event (at);
CREATE INDEX event_target ON event (target) WHERE target <> '';

-- Stretches of time for which a source's log was asked for.
CREATE TABLE coverage (
  id       INTEGER PRIMARY KEY,
  run_id   INTEGER REFERENCES run,
  source   TEXT NOT NULL,
  from_at  INTEGER NOT NULL,
  to_at    INTEGER NOT NULL,
  complete INTEGER NOT NULL,
  events   INTEGER NOT NULL,      -- records read
  why      TEXT NOT NULL          -- why it is not complete, else ''
) STRICT;

-- Names from Microsoft's own list, for reading only. Not history.
CREATE TABLE sku_name (
  object_id   TEXT PRIMARY KEY,
  part_number TEXT NOT NULL,
  name        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_name (
  object_id     TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  friendly_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- History is append-only. to_run is set once; whole rows never change or go.

CREATE TRIGGER user_version_written_once BEFORE UPDATE OF user_id, from_run, presence, deleted_at, upn, name, mail, employee_id, created_at, profile_id ON user_version
BEGIN SELECT RAISE(ABORT, 'user_version is append-only'); END;
CREATE TRIGGER user_version_ended_once BEFORE UPDATE OF to_run ON user_version WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'user_version is append-only'); END;
CREATE TRIGGER user_version_kept BEFORE DELETE ON user_version
BEGIN SELECT RAISE(ABORT, 'user_version is append-only'); END;
CREATE TRIGGER sku_version_written_once BEFORE UPDATE OF sku_id, from_run, part_number, applies_to, status, enabled, warning, suspended, locked_out, consumed, assigned, subscriptions ON sku_version
BEGIN SELECT RAISE(ABORT, 'sku_version is append-only'); END;
CREATE TRIGGER sku_version_ended_once BEFORE UPDATE OF to_run ON sku_version WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'sku_version is append-only'); END;
CREATE TRIGGER sku_version_kept BEFORE DELETE ON sku_version
BEGIN SELECT RAISE(ABORT, 'sku_version is append-only'); END;
CREATE TRIGGER sku_plan_written_once BEFORE UPDATE OF sku_id, plan_id, from_run ON sku_plan
BEGIN SELECT RAISE(ABORT, 'sku_plan is append-only'); END;
CREATE TRIGGER sku_plan_ended_once BEFORE UPDATE OF to_run ON sku_plan WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'sku_plan is append-only'); END;
CREATE TRIGGER sku_plan_kept BEFORE DELETE ON sku_plan
BEGIN SELECT RAISE(ABORT, 'sku_plan is append-only'); END;
CREATE TRIGGER subscription_version_written_once BEFORE UPDATE OF subscription_id, from_run, sku_id, status, total, trial, created_at, next_lifecycle_at, owner_tenant ON subscription_version
BEGIN SELECT RAISE(ABORT, 'subscription_version is append-only'); END;
CREATE TRIGGER subscription_version_ended_once BEFORE UPDATE OF to_run ON subscription_version WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'subscription_version is append-only'); END;
CREATE TRIGGER subscription_version_kept BEFORE DELETE ON subscription_version
BEGIN SELECT RAISE(ABORT, 'subscription_version is append-only'); END;
CREATE TRIGGER group_version_written_once BEFORE UPDATE OF group_id, from_run, name, gone, dynamic, membership_rule, processing_state, on_premises_sync, licenses ON group_version
BEGIN SELECT RAISE(ABORT, 'group_version is append-only'); END;
CREATE TRIGGER group_version_ended_once BEFORE UPDATE OF to_run ON group_version WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'group_version is append-only'); END;
CREATE TRIGGER group_version_kept BEFORE DELETE ON group_version
BEGIN SELECT RAISE(ABORT, 'group_version is append-only'); END;
CREATE TRIGGER path_written_once BEFORE UPDATE OF user_id, sku_id, group_id, from_run, held, state, error, disabled_id, state_at, path_run, start_run, period ON path
BEGIN SELECT RAISE(ABORT, 'path is append-only'); END;
CREATE TRIGGER path_ended_once BEFORE UPDATE OF to_run ON path WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'path is append-only'); END;
CREATE TRIGGER path_kept BEFORE DELETE ON path
BEGIN SELECT RAISE(ABORT, 'path is append-only'); END;
CREATE TRIGGER user_plans_written_once BEFORE UPDATE OF user_id, from_run, layout_id, date_0, date_1, date_2, dates ON user_plans
BEGIN SELECT RAISE(ABORT, 'user_plans is append-only'); END;
CREATE TRIGGER user_plans_ended_once BEFORE UPDATE OF to_run ON user_plans WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'user_plans is append-only'); END;
CREATE TRIGGER user_plans_kept BEFORE DELETE ON user_plans
BEGIN SELECT RAISE(ABORT, 'user_plans is append-only'); END;
CREATE TRIGGER profile_written_once BEFORE UPDATE ON profile
BEGIN SELECT RAISE(ABORT, 'profile is append-only'); END;
CREATE TRIGGER profile_kept BEFORE DELETE ON profile
BEGIN SELECT RAISE(ABORT, 'profile is append-only'); END;
CREATE TRIGGER plan_set_written_once BEFORE UPDATE ON plan_set
BEGIN SELECT RAISE(ABORT, 'plan_set is append-only'); END;
CREATE TRIGGER plan_set_kept BEFORE DELETE ON plan_set
BEGIN SELECT RAISE(ABORT, 'plan_set is append-only'); END;
CREATE TRIGGER plan_layout_written_once BEFORE UPDATE ON plan_layout
BEGIN SELECT RAISE(ABORT, 'plan_layout is append-only'); END;
CREATE TRIGGER plan_layout_kept BEFORE DELETE ON plan_layout
BEGIN SELECT RAISE(ABORT, 'plan_layout is append-only'); END;
CREATE TRIGGER first_evidence_written_once BEFORE UPDATE ON first_evidence
BEGIN SELECT RAISE(ABORT, 'first_evidence is append-only'); END;
CREATE TRIGGER first_evidence_kept BEFORE DELETE ON first_evidence
BEGIN SELECT RAISE(ABORT, 'first_evidence is append-only'); END;
CREATE TRIGGER change_written_once BEFORE UPDATE ON change
BEGIN SELECT RAISE(ABORT, 'change is append-only'); END;
CREATE TRIGGER change_kept BEFORE DELETE ON change
BEGIN SELECT RAISE(ABORT, 'change is append-only'); END;
CREATE TRIGGER attribution_written_once BEFORE UPDATE ON attribution
BEGIN SELECT RAISE(ABORT, 'attribution is append-only'); END;
CREATE TRIGGER attribution_kept BEFORE DELETE ON attribution
BEGIN SELECT RAISE(ABORT, 'attribution is append-only'); END;
CREATE TRIGGER event_written_once BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_kept BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER coverage_written_once BEFORE UPDATE ON coverage
BEGIN SELECT RAISE(ABORT, 'coverage is append-only'); END;
CREATE TRIGGER coverage_kept BEFORE DELETE ON coverage
BEGIN SELECT RAISE(ABORT, 'coverage is append-only'); END;
CREATE TRIGGER run_ended_once BEFORE UPDATE OF id, status, started_at, ended_at, previous_run, observed_at, observed_until, users, licensed_users, assignments, changes, requests, warnings, error, version ON run WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'run is append-only'); END;
CREATE TRIGGER run_sealed_once BEFORE UPDATE OF head ON run WHEN OLD.head IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'run is append-only'); END;
CREATE TRIGGER run_kept BEFORE DELETE ON run
BEGIN SELECT RAISE(ABORT, 'run is append-only'); END;

-- Whose history a row is depends on these: their names may change, their ids not.

CREATE TRIGGER tenant_written_once BEFORE UPDATE OF id, object_id ON tenant
BEGIN SELECT RAISE(ABORT, 'tenant is append-only'); END;
CREATE TRIGGER tenant_kept BEFORE DELETE ON tenant
BEGIN SELECT RAISE(ABORT, 'tenant is append-only'); END;
CREATE TRIGGER user_written_once BEFORE UPDATE OF id, object_id ON user
BEGIN SELECT RAISE(ABORT, 'user is append-only'); END;
CREATE TRIGGER user_kept BEFORE DELETE ON user
BEGIN SELECT RAISE(ABORT, 'user is append-only'); END;
CREATE TRIGGER sku_written_once BEFORE UPDATE OF id, object_id ON sku
BEGIN SELECT RAISE(ABORT, 'sku is append-only'); END;
CREATE TRIGGER sku_kept BEFORE DELETE ON sku
BEGIN SELECT RAISE(ABORT, 'sku is append-only'); END;
CREATE TRIGGER plan_written_once BEFORE UPDATE OF id, object_id ON plan
BEGIN SELECT RAISE(ABORT, 'plan is append-only'); END;
CREATE TRIGGER plan_kept BEFORE DELETE ON plan
BEGIN SELECT RAISE(ABORT, 'plan is append-only'); END;
CREATE TRIGGER licensed_group_written_once BEFORE UPDATE OF id, object_id ON licensed_group
BEGIN SELECT RAISE(ABORT, 'licensed_group is append-only'); END;
CREATE TRIGGER licensed_group_kept BEFORE DELETE ON licensed_group
BEGIN SELECT RAISE(ABORT, 'licensed_group is append-only'); END;
