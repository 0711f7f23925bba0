-- Nearly everybody has a combination of attributes of their own. The index that
-- came with UNIQUE held all texts a second time; what is there is found by a hash
-- in memory. This needs foreign keys to be off, see upTo.
CREATE TABLE profile_before AS SELECT id, department, more FROM profile;
DROP TABLE profile;
CREATE TABLE profile (
  id         INTEGER PRIMARY KEY,
  department TEXT NOT NULL,
  more       TEXT NOT NULL         -- JSON: the other attributes that are set
) STRICT;
INSERT INTO profile SELECT id, department, more FROM profile_before ORDER BY id;
DROP TABLE profile_before;
CREATE TRIGGER profile_written_once BEFORE UPDATE ON profile
BEGIN SELECT RAISE(ABORT, 'profile is append-only'); END;
CREATE TRIGGER profile_kept BEFORE DELETE ON profile
BEGIN SELECT RAISE(ABORT, 'profile is append-only'); END;

-- Dates of service plans: four bytes each, seconds since 1970, the highest byte
-- first; ff ff ff ff for none. NULL: the dates are in date_0 to dates.
ALTER TABLE user_plans ADD COLUMN packed BLOB;
DROP TRIGGER user_plans_written_once;
CREATE TRIGGER user_plans_written_once BEFORE UPDATE OF user_id, from_run, layout_id, date_0, date_1, date_2, dates, packed ON user_plans
BEGIN SELECT RAISE(ABORT, 'user_plans is append-only'); END;
DROP VIEW service_plans;

-- Each user's service plans as assignedPlans showed them (to_run NULL: now).
-- assigned_at is Microsoft's date for the plan, not for a SKU.
CREATE VIEW service_plans AS
SELECT u.user_id, u.upn, p.object_id AS plan_id, p.name AS plan_name, m.value ->> 1 AS status,
  strftime('%Y-%m-%dT%H:%M:%SZ', CASE
    WHEN x.packed IS NULL THEN CASE m.value ->> 2 WHEN 0 THEN x.date_0 WHEN 1 THEN x.date_1 WHEN 2 THEN x.date_2
      ELSE json_extract(x.dates, '$[' || ((m.value ->> 2) - 3) || ']') END / 1000
    WHEN substr(x.packed, 4 * (m.value ->> 2) + 1, 4) <> x'ffffffff' THEN
      (SELECT sum((instr('0123456789ABCDEF', substr(hex(substr(x.packed, 4 * (m.value ->> 2) + 1, 4)), digit.value, 1)) - 1) << (4 * (8 - digit.value)))
       FROM json_each('[1,2,3,4,5,6,7,8]') digit)
    END, 'unixepoch') AS assigned_at,
  x.from_run, x.to_run
FROM user_plans x
JOIN users u ON u.user_key = x.user_id
JOIN plan_layout l ON l.id = x.layout_id
JOIN json_each(l.members) m
JOIN plan p ON p.id = m.value ->> 0;
