-- Which users archived records are about, by what they call them: a digest of the
-- address, and the object id beside it. Records without an object id have a row each.
-- Made from event and event_copy, for reading only. Not history.
CREATE TABLE called (
  address INTEGER NOT NULL,       -- the first 8 bytes of the SHA-256 of the address, whatever the case
  target  TEXT NOT NULL,          -- as in event; '' when none
  event   INTEGER NOT NULL,       -- event.id, or -event_copy.id; 0 where target is set
  PRIMARY KEY (address, target, event)
) STRICT, WITHOUT ROWID;

-- Up to which records that is so, and by which rule addresses were found: one row.
CREATE TABLE called_index (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  rule  INTEGER NOT NULL,
  event INTEGER NOT NULL,         -- event.id
  copy  INTEGER NOT NULL          -- event_copy.id
) STRICT;
